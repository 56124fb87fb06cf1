#!/bin/sh
# Makes an authority, a certificate for localhost and one for a client, in certs/ beside this file. For trying out only.
set -eu
cd "$(dirname "$0")"
mkdir -p certs
cd certs
new_key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }

if [ ! -e ca.pem ]; then
    new_key ca.key
    openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=Example authority" -out ca.pem
fi
issue() {
    new_key "$1.key.new"
    openssl req -new -key "$1.key.new" -subj "/CN=$1" -out "$1.csr"
    printf '%s\n' "$2" > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile "$1.ext" -out "$1.pem.new" 2>/dev/null
    mv "$1.key.new" "$1.key"
    mv "$1.pem.new" "$1.pem"
    rm "$1.csr" "$1.ext"
}
issue edge "subjectAltName=DNS:localhost,IP:127.0.0.1"
issue client "extendedKeyUsage=clientAuth"
echo "certs/ca.pem, certs/edge.pem and certs/client.pem are made"
