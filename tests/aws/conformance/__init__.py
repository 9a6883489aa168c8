"""Hold every call to AWS against what AWS documents, in front of the imitation that accepts more.

`shapes` makes rules of AWS's own API models, as botocore ships them; `limits` and `sagemaker_limits` are a table of
documented limits, each with its source. `watching` puts both in front of every client that boto3 makes.
"""
