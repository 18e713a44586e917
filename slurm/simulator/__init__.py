"""A stand-in for vLLM where there is no GPU: same routes, framing and error bodies, no model.

Run it like vLLM: `python3 -m slurm.simulator --model PATH --served-model-name NAME --port P`.
It is a real HTTP server on a real socket, deterministic, with a speed one can choose, and it can
fail in the ways an engine fails (see `faults`). It needs nothing but Python 3.9. That it answers as
vLLM does is not claimed but tested: one suite runs against both (tests/vllm).
"""
