"""What boto3 can do with the server: features.py ENDPOINT KEY SECRET. Stops at the first wrong answer."""
import hashlib
import io
import sys
import urllib.request

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

ENDPOINT, KEY, SECRET = sys.argv[1:4]
BUCKET = "features"
MIB = 1 << 20


def client(secret=SECRET, key=KEY, **config):
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, **config)
    return boto3.client("s3", endpoint_url=ENDPOINT, aws_access_key_id=key,
                        aws_secret_access_key=secret, region_name="us-east-1", config=config)


s3 = client()


def refused(status, call, code=None):
    try:
        call()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
        assert code in (None, error.response["Error"]["Code"]), error
        return
    raise AssertionError("not refused")


def put(key, body=b"x", **more):
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **more)


def body(key, **more):
    return s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


def buckets():
    s3.create_bucket(Bucket=BUCKET)
    refused(409, lambda: s3.create_bucket(Bucket=BUCKET), "BucketAlreadyOwnedByYou")
    refused(400, lambda: s3.create_bucket(Bucket="a..b"))
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [BUCKET]
    s3.head_bucket(Bucket=BUCKET)
    refused(404, lambda: s3.head_bucket(Bucket="none"))
    refused(404, lambda: s3.list_objects_v2(Bucket="none"), "NoSuchBucket")
    refused(501, lambda: s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True))
    s3.create_bucket(Bucket="other")
    s3.put_object(Bucket="other", Key="k", Body=b"")
    refused(409, lambda: s3.delete_bucket(Bucket="other"), "BucketNotEmpty")
    s3.delete_object(Bucket="other", Key="k")
    s3.delete_bucket(Bucket="other")
    s3.get_bucket_location(Bucket=BUCKET)


def signatures():
    refused(403, lambda: client(secret="wrong").list_buckets(), "SignatureDoesNotMatch")
    refused(403, lambda: client(key="who").list_buckets(), "InvalidAccessKeyId")
    put("signed", b"presigned")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "signed"})
    assert urllib.request.urlopen(url).read() == b"presigned"
    try:
        urllib.request.urlopen(url.split("?")[0])
        raise AssertionError("read without a signature")
    except urllib.error.HTTPError as error:
        assert error.code == 403, error
    url = client(signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "up"})
    urllib.request.urlopen(urllib.request.Request(url, data=b"up", method="PUT"))
    assert body("up") == b"up"


def objects():
    etag = put("a", b"hello", Metadata={"k": "v"}, ContentType="text/x", CacheControl="no-cache")["ETag"]
    assert etag == '"%s"' % hashlib.md5(b"hello").hexdigest()
    head = s3.head_object(Bucket=BUCKET, Key="a")
    assert head["Metadata"] == {"k": "v"} and head["ContentType"] == "text/x", head
    assert head["ContentLength"] == 5 and head["CacheControl"] == "no-cache" and head["ETag"] == etag
    assert body("a", Range="bytes=1-3") == b"ell" and body("a", Range="bytes=-2") == b"lo"
    assert s3.get_object(Bucket=BUCKET, Key="a", Range="bytes=2-")["ContentRange"] == "bytes 2-4/5"
    refused(416, lambda: body("a", Range="bytes=5-"))
    refused(404, lambda: body("none"), "NoSuchKey")
    refused(404, lambda: s3.head_object(Bucket=BUCKET, Key="none"))
    for key in ("../up", "a/./b", "/", "//", "..", " "):
        put(key, key.encode())
        assert body(key) == key.encode(), key
        s3.delete_object(Bucket=BUCKET, Key=key)
    put("empty", b"")
    assert body("empty") == b""
    s3.delete_object(Bucket=BUCKET, Key="empty")
    s3.delete_object(Bucket=BUCKET, Key="empty")
    refused(400, lambda: put("big-metadata", Metadata={"k": "v" * 9000}))
    refused(501, lambda: put("sse", ServerSideEncryption="AES256"))
    refused(501, lambda: put("tags", Tagging="k=v"))
    refused(400, lambda: put("cold", StorageClass="GLACIER"), "InvalidStorageClass")
    put("warm", StorageClass="STANDARD")
    refused(400, lambda: put("digest", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA=="), "BadDigest")


def conditions():
    etag = put("c", b"1")["ETag"]
    stale = '"%s"' % ("0" * 32)
    refused(304, lambda: body("c", IfNoneMatch=etag))
    refused(412, lambda: body("c", IfMatch=stale))
    refused(412, lambda: put("c", IfNoneMatch="*"))
    put("new", IfNoneMatch="*")
    put("c", b"2", IfMatch=etag)
    refused(412, lambda: put("c", b"3", IfMatch=etag))
    refused(412, lambda: s3.delete_object(Bucket=BUCKET, Key="c", IfMatch=stale))
    modified = s3.head_object(Bucket=BUCKET, Key="c")["LastModified"]
    refused(304, lambda: body("c", IfModifiedSince=modified))
    assert body("c", IfUnmodifiedSince=modified) == b"2"


def checksums():
    for name in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):
        answer = put("sum", b"sum", ChecksumAlgorithm=name)
        assert answer["Checksum" + name], answer
    refused(400, lambda: put("sum", b"sum", ChecksumSHA256="A" * 43 + "="))
    plain = client(request_checksum_calculation="when_required")
    plain.put_object(Bucket=BUCKET, Key="sum", Body=b"plain")
    unsigned = client(signature_version="s3v4")
    unsigned.put_object(Bucket=BUCKET, Key="sum", Body=io.BytesIO(b"z" * 300_000))
    assert body("sum") == b"z" * 300_000


def copies():
    put("from ü+%", b"copy", Metadata={"k": "v"}, ContentType="text/y")
    source = {"Bucket": BUCKET, "Key": "from ü+%"}
    s3.copy_object(Bucket=BUCKET, Key="to", CopySource=source)
    head = s3.head_object(Bucket=BUCKET, Key="to")
    assert body("to") == b"copy" and head["Metadata"] == {"k": "v"} and head["ContentType"] == "text/y"
    s3.copy_object(Bucket=BUCKET, Key="to", CopySource=source, MetadataDirective="REPLACE", Metadata={"n": "w"})
    assert s3.head_object(Bucket=BUCKET, Key="to")["Metadata"] == {"n": "w"}
    s3.copy_object(Bucket=BUCKET, Key="to", CopySource={"Bucket": BUCKET, "Key": "to"},
                   MetadataDirective="REPLACE", Metadata={"n": "self"})
    assert s3.head_object(Bucket=BUCKET, Key="to")["Metadata"] == {"n": "self"} and body("to") == b"copy"
    refused(412, lambda: s3.copy_object(Bucket=BUCKET, Key="to", CopySource=source, CopySourceIfMatch='"0"'))
    refused(404, lambda: s3.copy_object(Bucket=BUCKET, Key="to", CopySource={"Bucket": BUCKET, "Key": "none"}))


def multipart():
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big", Metadata={"k": "v"})["UploadId"]
    bodies = [bytes([n]) * (5 * MIB if n < 3 else 77) for n in (1, 2, 3)]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket=BUCKET, Key="big", UploadId=upload,
                                                     PartNumber=n, Body=bodies[n - 1])["ETag"]} for n in (3, 1, 2)]
    listed = s3.list_parts(Bucket=BUCKET, Key="big", UploadId=upload, MaxParts=2)
    assert [p["PartNumber"] for p in listed["Parts"]] == [1, 2] and listed["IsTruncated"]
    uploads = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in uploads] == [("big", upload)]

    def complete(chosen, **more):
        return s3.complete_multipart_upload(Bucket=BUCKET, Key="big", UploadId=upload,
                                            MultipartUpload={"Parts": chosen}, **more)
    refused(400, lambda: complete(parts), "InvalidPartOrder")
    parts.sort(key=lambda p: p["PartNumber"])
    refused(400, lambda: complete(parts[:2] + [{"PartNumber": 3, "ETag": '"0"'}]), "InvalidPart")
    etag = complete(parts, IfNoneMatch="*")["ETag"]
    digests = b"".join(hashlib.md5(b).digest() for b in bodies)
    assert etag == '"%s-3"' % hashlib.md5(digests).hexdigest(), etag
    assert body("big") == b"".join(bodies)
    assert s3.head_object(Bucket=BUCKET, Key="big")["Metadata"] == {"k": "v"}
    refused(404, lambda: complete(parts), "NoSuchUpload")

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big")["UploadId"]
    copied = s3.upload_part_copy(Bucket=BUCKET, Key="big", UploadId=upload, PartNumber=1,
                                 CopySource=f"{BUCKET}/big", CopySourceRange=f"bytes=0-{5 * MIB - 1}")
    small = [{"PartNumber": n, "ETag": s3.upload_part(Bucket=BUCKET, Key="big", UploadId=upload, PartNumber=n,
                                                      Body=b"s")["ETag"]} for n in (2, 3)]
    part = {"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}
    refused(400, lambda: complete([part] + small), "EntityTooSmall")
    refused(412, lambda: complete([part, small[0]], IfNoneMatch="*"))
    complete([part, small[0]])
    assert body("big") == bodies[0] + b"s"

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="gone")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="gone", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=BUCKET, Key="gone", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    refused(404, lambda: s3.upload_part(Bucket=BUCKET, Key="gone", UploadId=upload, PartNumber=1, Body=b"x"))
    s3.upload_fileobj(io.BytesIO(b"t" * (20 * MIB)), BUCKET, "transfer")
    assert s3.head_object(Bucket=BUCKET, Key="transfer")["ContentLength"] == 20 * MIB


def listings():
    names = ["l/%d/x" % n for n in range(7)] + ["l/a b", "l/ü+&<>", "l/\x01", "l/\U0001f600", "l/a/"]
    for name in names:
        put(name)
    for operation in ("list_objects_v2", "list_objects"):
        pages = s3.get_paginator(operation)
        found = [c["Key"] for page in pages.paginate(Bucket=BUCKET, Prefix="l/", PaginationConfig={"PageSize": 2})
                 for c in page["Contents"]]
        assert found == sorted(names, key=lambda name: name.encode()), (operation, found)
        keys, prefixes = [], []
        for page in pages.paginate(Bucket=BUCKET, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 3}):
            keys += [c["Key"] for c in page.get("Contents", [])]
            prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        assert prefixes == ["l/%d/" % n for n in range(7)] + ["l/a/"], (operation, prefixes)
        assert len(keys) == 4, (operation, keys)
    page = s3.list_objects_v2(Bucket=BUCKET, Prefix="l/", StartAfter="l/5/x", MaxKeys=1)
    assert page["Contents"][0]["Key"] == "l/6/x" and page["IsTruncated"] and page["KeyCount"] == 1
    refused(400, lambda: s3.list_objects_v2(Bucket=BUCKET, ContinuationToken="not ours"))
    # XML cannot name it, so a batch cannot either.
    s3.delete_object(Bucket=BUCKET, Key="l/\x01")
    names.remove("l/\x01")
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names + ["none"]]})
    assert len(deleted["Deleted"]) == len(names) + 1 and "Errors" not in deleted
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="l/")


for feature in (buckets, signatures, objects, conditions, checksums, copies, multipart, listings):
    feature()
    print(feature.__name__, "ok")
print("features ok")
