"""A device guard that does nothing, so that a CPU-only PyTorch lets fake CUDA tensors be indexed (needs g++)."""
import ctypes
import os
import subprocess
import tempfile

import torch

SOURCE = """
#include <c10/core/impl/DeviceGuardImplInterface.h>
C10_REGISTER_GUARD_IMPL(CUDA, c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA>);
"""


def ensure():
    if torch.cuda.is_available():
        return
    root = os.path.dirname(torch.__file__)
    library = os.path.join(tempfile.gettempdir(), f"noop-cuda-guard-{torch.__version__}-{os.getuid()}.so")
    if not os.path.exists(library):
        made = f"{library}.{os.getpid()}"
        subprocess.run(
            ["g++", "-x", "c++", "-", "-std=c++20", "-shared", "-fPIC", f"-I{root}/include", f"-L{root}/lib", "-lc10", f"-Wl,-rpath,{root}/lib", "-o", made],
            input=SOURCE.encode(),
            check=True,
        )
        os.replace(made, library)
    ctypes.CDLL(library)
