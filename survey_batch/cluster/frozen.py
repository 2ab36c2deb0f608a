"""The last import of the process that workers are copies of: no copy searches what is there already for garbage.

The search would take time in each worker, and write on memory that all of them share.
"""

import gc

gc.freeze()
