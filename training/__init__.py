"""DOING it: engine, caches, store, workers.

torch is imported only by the modules that a worker process runs (`backbones`, `data`, `engine`,
`probes`, ...). `store`, `executors`, `requests` and `compare` stay free of torch: the UI process reads them.
This package file imports nothing, so that importing one of those costs nothing else.
"""
