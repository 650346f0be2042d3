"""compare_bucket.py STORE SUMS: the bucket holds the files of a sha256sum list, and no others."""

import hashlib
import json
import sys

import boto3
from botocore.config import Config

store = json.load(open(sys.argv[1]))
wanted = dict(reversed(line.rstrip("\n").split("  ", 1)) for line in open(sys.argv[2]))
client = boto3.client(
    "s3",
    endpoint_url=store["endpoint"],
    region_name=store["region"],
    aws_access_key_id=store["access_key_id"],
    aws_secret_access_key=store["secret_access_key"],
    config=Config(s3={"addressing_style": "path"}),
)
found = {}
for page in client.get_paginator("list_objects_v2").paginate(Bucket=store["bucket"], Prefix="crash/"):
    for item in page.get("Contents", []):
        is_own = item["Key"].startswith("crash/.causeway/")  # Of a check that was cut off.
        if not item["Key"].endswith("/") and not is_own:
            body = client.get_object(Bucket=store["bucket"], Key=item["Key"])["Body"].read()
            found[item["Key"].removeprefix("crash/")] = hashlib.sha256(body).hexdigest()
differ = {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)}
if differ:
    sys.exit(f"{len(differ)} differ: {sorted(differ)[:10]}")
print(f"{len(found)} objects are right")
