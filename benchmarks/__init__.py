"""What each path costs against what it cannot do without (`python -m benchmarks`, `make bench`), and other studies."""
