# libnfs_writer.sh URL FOLDER: puts files into the share, one after the other, until FOLDER/stop.
# One is noted in FOLDER/committed only after nfs-cp said so, else in FOLDER/unfinished: it may be
# there, in part or in whole, and nfs-cp writes to no name a second time.
# FOLDER/begun and FOLDER/ended have a byte for each attempt: more begun than ended means that a
# file is being written. FOLDER/kills grows before each kill: libnfs does not look at the write
# verifier, so what it sent around a kill is not committed, whatever it says.
url=$1 folder=$2
number=0
: > $folder/committed; : > $folder/unfinished
while [ ! -e $folder/stop ]; do
  number=$((number + 1)); name=libnfs-$number
  sum=$(head -c $(( (number * 79190) % 1000000 + 1 )) /dev/urandom | tee $folder/body | sha256sum)
  kills=$(stat -c %s $folder/kills)
  printf . >> $folder/begun
  if timeout 20 nfs-cp $folder/body "${url/NAME/$name}" && [ $(stat -c %s $folder/kills) = $kills ]; then
    printf . >> $folder/ended
    echo "${sum%% *}  $name" >> $folder/committed
  else
    printf . >> $folder/ended
    echo $name >> $folder/unfinished
    sleep 0.1
  fi
done
