"""Make a model of two megabytes that real vLLM serves on a CPU, and whose answer is known.

Run by the interpreter of the kit's environment: `python make_model.py FOLDER`.

The weights are written by hand: both layers add nothing to the residual stream, every piece of a
sentence points at the next piece, and every other token points at the first. So any prompt is
answered with SENTENCE, a chat with tools with TOOL_CALL, each followed by the end token;
`ignore_eos` makes it start over. The characters in SPELLED are written in single bytes: as with
real vocabularies, token borders fall inside characters.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HIDDEN = 128
SHARPNESS = 8.0  # logits of about 90: the next piece is certain at any sane temperature
END, USER, ASSISTANT, TOOLS = "<|end|>", "<|user|>", "<|assistant|>", "<|tools|>"
SPECIAL = (END, USER, ASSISTANT, TOOLS)
SPELLED = "🚀日ü"
SENTENCE = (
    "Grüße aus dem kleinen Modell: zwölf Sterne, ein Fluß 🚀 — Ça va très bien!\n"
    "日本語です。 Привет, мир ✅ Übung macht den Meister."
)
TOOL_CALL = '<tool_call> {"name": "get_weather", "arguments": {"city": "Köln"}} </tool_call>'
# Hermes style: what `--enable-auto-tool-choice --tool-call-parser hermes` reads.
CHAT_TEMPLATE = (
    "{%- for message in messages %}<|user|>{{ message.role }}: "
    "{{ message.content if message.content is string else message.content | tojson }}<|end|>"
    "{%- endfor %}"
    "{%- if tools %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{%- endif %}"
    "{%- if add_generation_prompt %}"
    "{{ '<|tools|>' if tools and messages[-1].role == 'user' else '<|assistant|>' }}"
    "{%- endif %}"
)


def _byte_names() -> dict[int, str]:
    """One printable character for each byte, as byte-level BPE since GPT-2 writes them."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


_BYTE_NAMES = _byte_names()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chains = {ASSISTANT: _unique(_pieces(SENTENCE)), TOOLS: _unique(_pieces(TOOL_CALL))}
    vocabulary, merges = _vocabulary(piece for chain in chains.values() for piece in chain)
    _save_tokenizer(folder, vocabulary, merges)
    _save_weights(folder, vocabulary, chains)


def _pieces(text: str) -> list[bytes]:
    """Words with the space before them, and single bytes for the characters in SPELLED."""
    found = re.findall(rf"[{SPELLED}]| ?[^\s{SPELLED}]+|\s", text)
    return [
        piece
        for word in found
        for piece in ([bytes([b]) for b in word.encode()] if word in SPELLED else [word.encode()])
    ]


def _unique(pieces: list[bytes]) -> list[bytes]:
    """Drop nothing, but make a repeated piece an error: a piece has only one successor."""
    repeated = {piece for piece in pieces if pieces.count(piece) > 1}
    if repeated:
        raise ValueError(f"a piece may stand only once: {sorted(repeated)}")
    return pieces


def _vocabulary(pieces: Iterable[bytes]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Byte-level BPE: all 256 bytes, and for each piece the merges that build it from the left."""
    alphabet = [_BYTE_NAMES[byte] for byte in range(256)]
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *alphabet))}
    merges: list[tuple[str, str]] = []
    for piece in pieces:
        left = _BYTE_NAMES[piece[0]]
        for byte in piece[1:]:
            right = _BYTE_NAMES[byte]
            if left + right not in vocabulary:
                vocabulary[left + right] = len(vocabulary)
                merges.append((left, right))
            left += right
    return vocabulary, merges


def _save_tokenizer(folder: Path, vocabulary: dict[str, int], merges: list[Any]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, chat_template=CHAT_TEMPLATE
    ).save_pretrained(folder)


def _save_weights(folder: Path, vocabulary: dict[str, int], chains: dict[str, list[bytes]]) -> None:
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(_config(vocabulary))
    embeddings = torch.zeros(len(vocabulary), HIDDEN)
    head = torch.zeros(len(vocabulary), HIDDEN)
    for start, pieces in chains.items():
        tokens = [vocabulary["".join(_BYTE_NAMES[b] for b in piece)] for piece in pieces]
        vectors = torch.nn.functional.normalize(torch.randn(len(tokens) + 1, HIDDEN), dim=1)
        if start == ASSISTANT:  # what stands in no chain begins the first one
            embeddings[:] = vectors[0]
        embeddings[[vocabulary[start], *tokens]] = vectors
        head[[*tokens, vocabulary[END]]] += SHARPNESS * vectors
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(embeddings)
        model.lm_head.weight.copy_(head)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    model.save_pretrained(folder)


def _config(vocabulary: dict[str, int]) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=HIDDEN,
        intermediate_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,  # vLLM refuses a head of 16; this one is 64
        num_key_value_heads=1,
        max_position_embeddings=4096,
        eos_token_id=vocabulary[END],
        bos_token_id=None,
        pad_token_id=None,
        tie_word_embeddings=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
