"""Compares the products of two outputs bit for bit: for example, the same job run by two versions.

    python -m benchmarks.same_products OLD_OUTPUT NEW_OUTPUT

Names of arrays that only one of them has, and attributes of arrays that differ, are listed; values that differ end it
with exit code 1.
"""

import sys
from pathlib import Path

import numpy as np
import zarr


def main(old: str, new: str) -> int:
    """Compare all products of two outputs."""
    names = [{path.name for path in Path(output).glob("*.zarr")} for output in (old, new)]
    print(f"products: {', '.join(sorted(names[0] & names[1]))}; in one alone: {sorted(names[0] ^ names[1]) or 'none'}")
    return sum(compare(name, Path(old) / name, Path(new) / name) for name in sorted(names[0] & names[1])) > 0


def compare(name: str, old: Path, new: Path) -> int:
    """Print how one product differs; return the number of arrays with other values."""
    one, other = (zarr.open_group(str(path), mode="r") for path in (old, new))
    arrays = [set(group.array_keys()) for group in (one, other)]
    both = sorted(arrays[0] & arrays[1])
    different = [key for key in both if not same_bits(np.asarray(one[key]), np.asarray(other[key]))]
    attributes = [key for key in both if dict(one[key].attrs) != dict(other[key].attrs)]
    print(f"{name}: {len(both)} arrays, {len(both) - len(different)} equal bit for bit; other values: {different}")
    print(f"    removed: {sorted(arrays[0] - arrays[1])}, added: {sorted(arrays[1] - arrays[0])}")
    print(f"    other attributes: {attributes}")
    return len(different)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two arrays are equal to the last bit, NaN payloads included."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return np.array_equal(one, other) if one.dtype.kind in "OTU" else one.tobytes() == other.tobytes()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
