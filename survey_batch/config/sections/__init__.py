"""The tables of the job file, one pydantic model each; `survey_batch.config.job.Job` holds them together."""
