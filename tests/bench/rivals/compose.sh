#!/bin/bash
# The scenario loopback-bind with docker-compose.
# In the environment: IMAGE, LABEL, SUBNET, and NAME, which nothing else has.
set -euo pipefail
cd "$(dirname "$0")"
export COMPOSE_PROJECT_NAME=$NAME HOST

trap 'docker-compose down -t 0 || true' EXIT

listens() { # HOST
  docker-compose exec -T server sh -c "until ss -ltn | grep -q '$1:8080'; do sleep 0.05; done"
}

client() {
  docker-compose exec -T client curl -sS --max-time 5 http://server:8080/
}

HOST=0.0.0.0
docker-compose up -d
listens 0.0.0.0
client

HOST=127.0.0.1
docker-compose up -d -t 0 --no-deps server
listens 127.0.0.1
code=0
client || code=$?
test $code = 7 # curl(1): failed to connect

HOST=0.0.0.0
docker-compose up -d -t 0 --no-deps server
listens 0.0.0.0
client
