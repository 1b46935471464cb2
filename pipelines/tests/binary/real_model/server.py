"""A real model server: llama.cpp with the weights of Gemma 3 270M, OpenAI-compatible, on a free port of the loopback.

    python3 server.py target/model

The folder is what `./test` installs. Prints the server's address once it answers, and ends when its input is closed, so
that no server outlives whoever started it. `--slots N` is how many requests it answers at a time (2). With `--embed` it makes
vectors, the mean of those of the tokens, and answers `/v1/embeddings`.

One thread: on a machine with few cores, threads that wait for each other take longer than one that does not. The model is
not tuned for conversations: it goes on with the text that it is given. So the messages are put one below the other, and
what stands in a persona are examples of questions and answers.
"""

import argparse
import os
import pathlib
import sys
import time
import urllib.request

TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
CONTEXT_TOKENS = 1024
READY_SECONDS = 60


def serve(folder: pathlib.Path, slots: int, embed: bool):
    sys.path.insert(0, str(folder))
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.model_alias = ["gemma-3-270m"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = slots
    params.n_ctx = CONTEXT_TOKENS * slots
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.use_jinja = True
    params.chat_template = TEMPLATE
    # The most likely token each time: what is said does not depend on a seed.
    params.sampling.temp = 0
    params.warmup = False
    if embed:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


def wait_until_it_answers(address: str):
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address + "/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            # It answers 503 while it loads the weights.
            pass
        if time.monotonic() > end:
            sys.exit(f"no answer from {address} within {READY_SECONDS} s")
        time.sleep(0.05)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--slots", type=int, default=2)
    arguments.add_argument("--embed", action="store_true")
    given = arguments.parse_args()
    server = serve(given.folder, given.slots, given.embed)
    wait_until_it_answers(server.listening_address)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # What is under way is dropped: nobody waits for it any more.
    os._exit(0)


if __name__ == "__main__":
    main()
