# Make the certificates of the lab, each with its key in one file: /etc/labctl/tls/NAME.pem. The times in them are
# absolute, since nobody knows what a machine's clock says: the good ones hold from 2000 to 2099.
umask 077
config=/etc/labctl/authority.conf
from=20000101000000Z
to=20991231235959Z
mkdir -p /tmp/authority /etc/labctl/tls
cd /tmp/authority
touch index.txt

# a key, and what asks for a certificate: NAME SUBJECT [EXTENSIONS]
request() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" ${3:+-addext "$3"}
}

# an authority: NAME SUBJECT
authority() {
    request "$1" "$2"
    openssl ca -batch -notext -config $config -selfsign -extensions authority \
        -startdate $from -enddate $to -keyfile "$1.key" -in "$1.csr" -out "$1.crt"
}

# a server's certificate: NAME AUTHORITY HOST [LAST-DAY]
certificate() {
    request "$1" "$3" "subjectAltName = DNS:$3"
    openssl ca -batch -notext -config $config -startdate $from -enddate "${4:-$to}" \
        -cert "$2.crt" -keyfile "$2.key" -in "$1.csr" -out "$1.crt"
    cat "$1.key" "$1.crt" > "/etc/labctl/tls/$1.pem"
}

authority lab "Lab Authority"
authority another "Another Authority"
certificate valid lab server
certificate expired lab server 20200131235959Z
certificate wrong-host lab shop.example
certificate unknown-authority another server

install -m 644 lab.crt /usr/local/share/ca-certificates/lab-authority.crt
chown -R lab /etc/labctl/tls
chmod 755 /etc/labctl
cd /
rm -r /tmp/authority
