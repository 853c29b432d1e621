"""LAW: say what is wrong with workloads and nodes, and only while it is; safety waits for none of it.

    ailments   statuses on the wire -> what is wrong with one object, pure
    images     names and digests of images, pure
    judged     what is held of one workload -> its Condition facts, pure
    pauses     the ingest switch in environments -> Pause facts, pure
    manifests  the last known good, YAML -> digests, pure        lkg      the stream that reads it
    members    which workload a Pod is told as
    concerns   who is to be judged anew, by change and by time   telling  the stream that tells

A change only notes whom it may touch; they are judged a little later, in portions, by a stream of their own. Nothing is
stored for what is healthy but the digests that run.
"""
