"""What a person does with an output in a notebook: open it, look at objects, feed a training loop, write FITS."""
