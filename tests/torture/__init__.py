"""What takes long: kills at every moment, full disks, cut connections.

`make torture` runs it; no test run collects it.
"""
