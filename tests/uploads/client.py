"""Uploads a file with tuspy: client.py URL FILE. Prints the URL of the upload."""

import sys

from tusclient.client import TusClient

url, file = sys.argv[1:]
uploader = TusClient(url).uploader(
    file, chunk_size=16 << 20, metadata={"filename": "noise.flac"}, retries=20, retry_delay=0
)
uploader.upload()
print(uploader.url)
