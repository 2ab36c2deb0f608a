"""The last import of the process that workers are copies of.

No copy searches for garbage what is there already: that would take time in each worker, and write on memory that all of
them share. Nor does any import pandas for pyarrow.
"""

import gc

from survey_batch.core.without_pandas import spare_pandas

spare_pandas()
gc.freeze()
