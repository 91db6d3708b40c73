#!/bin/sh
# Makes the keys and certificates of this folder anew, by OpenSSL, so that howdah is not its own witness. They guard
# nothing: everybody can read the keys.
#
# end_points.txt has, for each certificate of end_points/, the hash that RFC 5929 binds a login to; - where it has none.
set -eu
cd "$(dirname "$0")"
rm -rf end_points ./*.key ./*.pem end_points.txt
mkdir end_points

# One key in the three PEM forms, an elliptic one in two, and two that want a password.
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa_pkcs8.key
openssl pkey -in rsa_pkcs8.key -traditional -out rsa_pkcs1.key
openssl ecparam -name prime256v1 -genkey -noout -out ec_sec1.key
openssl pkey -in ec_sec1.key -out ec_pkcs8.key
openssl pkey -in ec_sec1.key -aes256 -passout pass:secret -out encrypted_pkcs8.key
openssl pkey -in ec_sec1.key -traditional -aes256 -passout pass:secret -out encrypted_sec1.key
for key in rsa ec; do
    openssl req -x509 -new -key ${key}_pkcs8.key -subj /CN=alice -days 36500 -out ${key}.pem
done

# A certificate of version 1, as OpenSSL 3.1 and older make them without an extension file.
openssl req -new -key rsa_pkcs8.key -subj /CN=localhost |
    openssl x509 -req -signkey rsa_pkcs8.key -days 36500 -out version1.pem

certificate() {
    name=$1 key=$2 hash=$3
    shift 3
    openssl req -x509 -new -key "$key" -subj /CN=localhost -days 36500 "$@" -out "end_points/$name.pem"
    if [ "$hash" != - ]; then
        hash=$(openssl x509 -in "end_points/$name.pem" -outform DER | openssl dgst "-$hash" -r | cut -d' ' -f1)
    fi
    echo "$name $hash" >> end_points.txt
}

pss="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1"
certificate rsa_md5 rsa_pkcs8.key sha256 -md5
certificate rsa_sha1 rsa_pkcs8.key sha256 -sha1
certificate rsa_sha224 rsa_pkcs8.key sha224 -sha224
certificate rsa_sha256 rsa_pkcs8.key sha256 -sha256
certificate rsa_sha384 rsa_pkcs8.key sha384 -sha384
certificate rsa_sha512 rsa_pkcs8.key sha512 -sha512
# shellcheck disable=SC2086  # several arguments
certificate pss_sha1 rsa_pkcs8.key sha256 -sha1 $pss
# shellcheck disable=SC2086
certificate pss_sha256 rsa_pkcs8.key sha256 -sha256 $pss
# shellcheck disable=SC2086
certificate pss_sha384 rsa_pkcs8.key sha384 -sha384 $pss
certificate ecdsa_sha1 ec_pkcs8.key sha256 -sha1
certificate ecdsa_sha256 ec_pkcs8.key sha256 -sha256
certificate ecdsa_sha384 ec_pkcs8.key sha384 -sha384
certificate ecdsa_sha512 ec_pkcs8.key sha512 -sha512
openssl genpkey -algorithm ED25519 -out ed25519.key
certificate ed25519 ed25519.key -
