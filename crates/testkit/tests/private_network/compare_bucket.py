"""compare_bucket.py STORE LIST: each object of LIST is in the bucket with its bytes and metadata."""

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

store = json.load(open(sys.argv[1]))
wanted = json.load(open(sys.argv[2]))
client = boto3.client(
    "s3",
    endpoint_url=store["endpoint"],
    region_name=store["region"],
    aws_access_key_id=store["access_key_id"],
    aws_secret_access_key=store["secret_access_key"],
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
)


def wrong(entry):
    """What is wrong with the object of one file; nothing if it is right."""
    answer = client.get_object(Bucket=store["bucket"], Key=entry["key"])
    digest = hashlib.sha256()
    for chunk in answer["Body"].iter_chunks(1 << 20):
        digest.update(chunk)
    metadata = answer["Metadata"]
    mode = int(metadata["file-permissions"], 8) & 0o7777
    seconds = int(metadata["file-mtime"].removesuffix("ns")) // 1_000_000_000
    found = {"sha256": digest.hexdigest(), "mode": mode, "mtime": seconds}
    differ = {name: value for name, value in found.items() if value != entry[name]}
    if metadata["file-owner"] != "0" or metadata["file-group"] != "0":
        differ["owner"] = (metadata["file-owner"], metadata["file-group"])
    return f"{entry['key']}: {differ}, wanted {entry}" if differ else None


with ThreadPoolExecutor(8) as pool:
    faults = [fault for fault in pool.map(wrong, wanted) if fault]
for fault in faults[:10]:
    print(fault, file=sys.stderr)
if faults:
    sys.exit(f"{len(faults)} of {len(wanted)} objects are wrong")
print(f"{len(wanted)} objects are right")
