#!/bin/bash
# The scenario loopback-bind, as a script with the docker command.
# In the environment: DOCKER (the command), IMAGE, LABEL, SUBNET, and NAME, which nothing else has.
set -euo pipefail

clean() {
  "$DOCKER" rm -f "$NAME-server" "$NAME-client" || true
  "$DOCKER" network rm "$NAME" || true
}
trap clean EXIT

server() { # HOST
  "$DOCKER" run -d --name "$NAME-server" --label "$LABEL" --network "$NAME" --network-alias server -e HOST="$1" \
    "$IMAGE" serve
  "$DOCKER" exec "$NAME-server" sh -c "until ss -ltn | grep -q '$1:8080'; do sleep 0.05; done"
}

client() {
  "$DOCKER" exec "$NAME-client" curl -sS --max-time 5 http://server:8080/
}

"$DOCKER" network create --internal --subnet "$SUBNET" --label "$LABEL" "$NAME"
"$DOCKER" run -d --name "$NAME-client" --label "$LABEL" --network "$NAME" "$IMAGE" sleep infinity
server 0.0.0.0
client

"$DOCKER" rm -f "$NAME-server"
server 127.0.0.1
code=0
client || code=$?
test $code = 7 # curl(1): failed to connect

"$DOCKER" rm -f "$NAME-server"
server 0.0.0.0
client
