#!/usr/bin/env bash
# Pulls the base images of the Dockerfiles and the store of docker-compose.yml or, if that is impossible, creates stand-ins with their names, for tests only.
# Stand-ins consist of files of this machine: the files of Debian packages, the Rust toolchain, and the crates of
# Cargo.lock, so that the build needs no network.
#
# Pulled images are never replaced, and `--remove` removes only stand-ins.
#
# Usage: deploy/stand-in-bases.sh [--remove]
set -euo pipefail
cd "$(dirname "$0")/.."

base() { sed -n "s/^ARG $1=//p" deploy/relay.Dockerfile; }
RUST=$(base RUST_IMAGE)
RUNTIME=$(base RUNTIME_IMAGE)
# shellcheck disable=SC2016
STORE=$(sed -n 's/.*image: ${VALKEY_IMAGE-\(.*\)}/\1/p' docker-compose.yml)
LABEL=relays.stand-in

# The state of an image: nothing, `pulled`, or the mark of a stand-in.
present() {
    docker image inspect "$1" >/dev/null 2>&1 || return 0
    local mark
    mark=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1")
    echo "${mark:-pulled}"
}

if [ "${1:-}" = --remove ]; then
    for image in "$RUST" "$RUNTIME" "$STORE"; do
        case $(present "$image") in '' | pulled) ;; *) docker image rm "$image" >/dev/null ;; esac
    done
    exit
fi

needed=()
for image in "$RUNTIME" "$RUST" "$STORE"; do
    case $(present "$image") in
        pulled) ;;
        '') timeout 300 docker pull --quiet "$image" >/dev/null 2>&1 || needed+=("$image") ;;
        *) needed+=("$image") ;;
    esac
done
[ ${#needed[@]} -gt 0 ] || exit 0

for program in dpkg-query apt-cache rustc cargo; do
    command -v "$program" >/dev/null || { echo "${needed[*]}: cannot be pulled, and stand-ins need $program" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Adds the files of packages and their dependencies to archive $1.
add_packages() {
    local archive=$1
    shift
    apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@" | sed -n 's/^\([a-z0-9][^ ]*\)$/\1/p' | sort -u >"$work/packages"
    # Some of the names are of virtual packages, which have no files.
    # shellcheck disable=SC2046
    { dpkg-query --listfiles $(cat "$work/packages") 2>/dev/null || true; } |
        grep -vE '^/(usr/share/(doc|man|info|locale|lintian|bug)|etc|var|boot)/|^/[^/]*$' | sort -u |
        while read -r file; do
            if [ -L "$file" ] || [ -f "$file" ]; then echo "${file#/}"; fi
        done |
        # Packages list files below /lib and /bin, which are links into /usr.
        sed -E 's,^(bin|sbin|lib|lib32|lib64|libx32)/,usr/\1/,' | sort -u >"$work/files"
    tar --create --file "$archive" --directory / --no-recursion --files-from "$work/files"
}

# Creates a root directory with what packages do not list: links into /usr, the user of the images, certificates.
lay_out_root() {
    local root=$1 link
    mkdir -p "$root/tmp" "$root/etc/ssl/certs" "$root/usr/bin" "$root/home/nonroot"
    chmod 1777 "$root/tmp"
    for link in bin sbin lib lib32 lib64 libx32; do
        if [ -L "/$link" ]; then cp --no-dereference "/$link" "$root/"; fi
    done
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
    cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

# Imports archive $1 as image $2, with changes.
import() {
    local archive=$1 image=$2
    shift 2
    docker import "$@" --change "LABEL $LABEL=$mark" "$archive" "$image" >/dev/null
    echo "created a stand-in for $image"
}

# Whether image $1 must be created. Stand-ins from outdated files are created again.
wanted() {
    [[ " ${needed[*]} " == *" $1 "* ]] && [ "$(present "$1")" != "$mark" ]
}

mark=$({ rustc --version; dpkg-query --show libc6 gcc; cat Cargo.lock deploy/stand-in-bases.sh; } | sha256sum | head -c 16)

if wanted "$RUNTIME"; then
    add_packages "$work/runtime.tar" libc6 libgcc-s1 tzdata
    lay_out_root "$work/runtime"
    tar --append --file "$work/runtime.tar" --directory "$work/runtime" --owner 0 --group 0 .
    import "$work/runtime.tar" "$RUNTIME" --change 'USER 65532' --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' \
        --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'
fi

if wanted "$RUST"; then
    cargo fetch --quiet --locked
    add_packages "$work/rust.tar" dash coreutils findutils sed grep tar make mawk diffutils gcc libc6-dev
    lay_out_root "$work/rust"
    ln -s gcc "$work/rust/usr/bin/cc"
    ln -s mawk "$work/rust/usr/bin/awk"
    tar --append --file "$work/rust.tar" --directory "$work/rust" --owner 0 --group 0 .
    tar --append --file "$work/rust.tar" --directory "$(rustc --print sysroot)" --owner 0 --group 0 \
        --exclude 'lib/rustlib/src' --transform 'flags=r;s,^,usr/local/,' bin/rustc bin/cargo lib
    tar --append --file "$work/rust.tar" --directory "${CARGO_HOME:-$HOME/.cargo}" --owner 0 --group 0 \
        --transform 'flags=r;s,^,usr/local/cargo/,' registry/cache registry/index
    import "$work/rust.tar" "$RUST" --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'ENV CARGO_NET_OFFLINE=true' \
        --change 'ENV PATH=/usr/local/cargo/bin:/usr/local/bin:/usr/bin:/bin'
fi

# A Redis of Debian under the names of Valkey, which has the same protocol and options.
if wanted "$STORE"; then
    if command -v redis-server >/dev/null; then
        add_packages "$work/store.tar" dash coreutils redis-server redis-tools
        lay_out_root "$work/store"
        ln -s redis-server "$work/store/usr/bin/valkey-server"
        ln -s redis-cli "$work/store/usr/bin/valkey-cli"
        tar --append --file "$work/store.tar" --directory "$work/store" --owner 0 --group 0 .
        import "$work/store.tar" "$STORE" --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin'
    else
        echo "no stand-in for $STORE: redis-server is not installed" >&2
    fi
fi
