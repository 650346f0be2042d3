trap 'echo "line $LINENO failed: $BASH_COMMAND"' ERR
mkdir /mnt/share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock,hard,timeo=10,retrans=2 $HOST:/crash /mnt/share
share=/mnt/share
number=0
: > /job/removed
while [ ! -e /job/stop ]; do
  number=$((number + 1)); name=file-$number
  size=$(( (number * 7919) % 300000 + 1 ))
  head -c $size /dev/urandom > /tmp/body
  if [ $((number % 10)) = 0 ]; then mkdir -p $share/dir-$number; name=dir-$number/file; fi
  dd status=none if=/tmp/body of=$share/$name.new bs=64k conv=fsync
  if [ $((number % 5)) = 0 ]; then
    head -c 5000 /dev/urandom > /tmp/part
    dd status=none if=/tmp/part of=$share/$name.new bs=1000 seek=3 conv=notrunc,fsync
    dd status=none if=/tmp/part of=/tmp/body bs=1000 seek=3 conv=notrunc
  fi
  if [ $((number % 7)) = 0 ]; then
    head -c 7001 /dev/urandom > /tmp/part
    dd status=none if=/tmp/part of=$share/$name.new bs=7001 oflag=append conv=notrunc,fsync
    cat /tmp/part >> /tmp/body
  fi
  # The reply to a rename may be lost with the server: then the repeated call finds it done.
  mv $share/$name.new $share/$name || [ -e $share/$name ]
  if [ $((number % 10)) = 0 ]; then
    mv $share/dir-$number $share/moved-$number || [ -e $share/moved-$number ]
    name=moved-$number/file
  fi
  echo "$(sha256sum < /tmp/body | cut -d' ' -f1)  $name" >> /job/committed
  old=$((number - 2))
  if [ $((number % 3)) = 0 ] && [ $((old % 10)) != 0 ]; then
    rm -f $share/file-$old
    echo file-$old >> /job/removed
  fi
  touch /job/writing
done
awk 'NR == FNR { gone[$1] = 1; next } !($2 in gone)' /job/removed /job/committed > /job/expected
cat /job/libnfs/committed >> /job/expected
for name in $(cat /job/libnfs/unfinished); do rm -f $share/$name; done
umount $share
mount -t nfs -o vers=3,proto=tcp,port=2049,mountport=2049,mountproto=tcp,nolock $HOST:/crash $share
cd $share
sha256sum --quiet -c /job/expected
find . -type f | sed "s,^[.]/,," | sort > /tmp/found
cut -d" " -f3 /job/expected | sort | diff - /tmp/found
cd / && umount $share
echo "$(wc -l < /job/expected) files are whole, $(wc -l < /job/removed) removed ones are gone"
