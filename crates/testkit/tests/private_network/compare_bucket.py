"""compare_bucket.py STORE PREFIX WANTED: the bucket holds the objects of WANTED, and no others.

Each is compared in bytes, attributes and content type, as far as WANTED names them. What is not
required may be missing. The gateway's own objects, below PREFIX.causeway/, do not count.
"""

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

store = json.load(open(sys.argv[1]))
prefix = sys.argv[2]
wanted = {entry["key"]: entry for entry in json.load(open(sys.argv[3]))}
client = boto3.client(
    "s3",
    endpoint_url=store["endpoint"],
    region_name=store["region"],
    aws_access_key_id=store["access_key_id"],
    aws_secret_access_key=store["secret_access_key"],
    config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
)


def listed():
    """What is there, by LIST."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=store["bucket"], Prefix=prefix)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def wrong(key):
    """What is wrong with an object; nothing if it is right."""
    answer = client.get_object(Bucket=store["bucket"], Key=key)
    digest = hashlib.sha256()
    for chunk in answer["Body"].iter_chunks(1 << 20):
        digest.update(chunk)
    metadata = answer["Metadata"]
    found = {
        "sha256": digest.hexdigest(),
        "permissions": metadata.get("file-permissions"),
        "owner": metadata.get("file-owner"),
        "group": metadata.get("file-group"),
        "mtime": metadata.get("file-mtime"),
        "content_type": answer["ContentType"],
    }
    entry = wanted[key]
    differ = {
        name: (value, entry[name])
        for name, value in found.items()
        if entry.get(name) is not None and value != entry[name]
    }
    return f"{key}: (found, wanted) {differ}" if differ else None


found = {key for key in listed() if not key.startswith(f"{prefix}.causeway/")}
faults = [f"{key} is missing" for key, entry in wanted.items() if entry["required"] and key not in found]
faults += [f"{key} should not be there" for key in found - wanted.keys()]
with ThreadPoolExecutor(8) as pool:
    faults += [fault for fault in pool.map(wrong, sorted(found & wanted.keys())) if fault]
for fault in faults[:10]:
    print(fault, file=sys.stderr)
if faults:
    sys.exit(f"{len(faults)} faults, {len(found)} objects")
print(f"{len(found)} objects are right, and there are no others")
