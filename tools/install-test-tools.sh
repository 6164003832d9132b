#!/bin/sh
# The programs that some tests drive Salver with. Root on a Debian-like system gets what is missing; everybody else is
# told, and the tests concerned skip themselves. Never fails: a test says better than this script what it lacks.
set -u

tools="curl:curl wget:wget ab:apache2-utils h2load:nghttp2-client slowhttptest:slowhttptest faketime:faketime
       strace:strace chromium:chromium php-cgi:php-cgi perl:perl gcc:gcc git:git litmus:litmus
       nginx:nginx-light caddy:caddy lighttpd:lighttpd apache2:apache2 node:nodejs
       initdb:postgresql redis-server:redis-server haproxy:haproxy"

# What is for administrators, or stands beside other versions of itself, is on nobody's path.
found_in="$PATH:/usr/sbin"
for folder in /usr/lib/postgresql/*/bin; do
    found_in="$found_in:$folder"
done
packages=
for tool in $tools; do
    PATH="$found_in" command -v "${tool%%:*}" >/dev/null || packages="$packages ${tool#*:}"
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null 2>&1
    for package in $packages; do
        apt-get install -y -q --no-install-recommends "$package" >/dev/null 2>&1 || echo "not to be had here: $package"
    done
else
    echo "tests will skip for want of:$packages"
fi
exit 0
