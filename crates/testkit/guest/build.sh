#!/usr/bin/env bash
# build.sh DIR: unpacks a Linux kernel that runs as an ordinary process (Debian's
# user-mode-linux) and a small user space for it. Installs nothing on this machine.
# What is already in DIR is kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"

suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
packages=bash,busybox-static,coreutils,diffutils,findutils,iproute2,kmod,libnss-systemd-,mount,nfs-common,openssl,util-linux

if [ ! -x kernel/usr/bin/linux.uml ]; then
  mkdir -p download
  (cd download && chmod 777 . && apt-get -qq download user-mode-linux)
  rm -rf kernel.new && dpkg -x download/user-mode-linux_*.deb kernel.new && rm -rf kernel && mv kernel.new kernel
fi

if [ "$(cat root/built 2>&1)" != "$packages" ]; then
  rm -rf root
  mmdebstrap --quiet --variant=extract --mode=root --components=main \
    --include="$packages" "$suite" root
  rm -rf root/usr/share/{doc,man,locale,info} root/var/cache/apt root/lib/modules
  mkdir -p root/{proc,sys,dev,run,tmp,mnt,job,overlay} root/lib/modules root/var/lib/nfs
  printf 'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' > root/etc/passwd
  printf 'root:x:0:\nada:x:1000:\nnogroup:x:65534:\n' > root/etc/group
  printf '127.0.0.1 localhost\n' > root/etc/hosts
  printf 'tcp\t6\tTCP\nudp\t17\tUDP\n' > root/etc/protocols
  : > root/etc/fstab
  [ -e root/bin/sh ] || ln -s bash root/bin/sh
  rm -f root/etc/mtab && ln -s ../proc/self/mounts root/etc/mtab
  ldconfig -r root
  echo "$packages" > root/built
fi
# Only when it is new: another guest may be booting from it.
cmp -s "$here/init" root/guest-init || install -m 755 "$here/init" root/guest-init
[ xstate.so -nt "$here/xstate.c" ] ||
  { cc -Wall -Wextra -Werror -O2 -fPIC -shared -o xstate.so.new "$here/xstate.c" && mv xstate.so.new xstate.so; }
