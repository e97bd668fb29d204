"""What each figure is, in words and formulas: the text of ``--explain``, and what the README is held to."""

from __future__ import annotations

DEFINITIONS = {
    "logprob": "natural logarithm of P(line and its end); --log-base 2 or 10 for another",
    "tokens": "tokens scored, the line's end among them",
    "words": "whitespace-separated pieces, punctuation attached; in scripts without spaces each character",
    "chars": "code points of the line, its end not among them",
    "bytes": "UTF-8 bytes of the line, its end not among them",
    "spelled": "words with a piece outside the vocabulary, spelled in characters, or <unk>",
    "perplexity": "exp(-logprob / (words + 1)): per word and line end",
    "token_perplexity": "exp(-logprob / tokens)",
    "perplexity1": "exp(-logprob / words): the line's end in logprob and not in the count",
    "nats_per_char": "-logprob / (chars + 1)",
    "bits_per_char": "nats_per_char / ln 2",
    "bits_per_byte": "-logprob / ln 2 / (bytes + 1)",
    "surprisal": "of a token or word, in bits: -log2 P(it, given all before it)",
    "rank": "of a token among all the vocabulary, 1 the likeliest",
    "entropy": "of the prediction in which the token was looked up, in nats",
    "percentile": "share of the lines of --calibrate with a lower figure, in per cent",
}

HOW = (
    "A line is read alone, from a state of zeros after a line end; with --context file after all lines before it. Its "
    "end is a token like others and counts. With --no-eos it does not, in no figure and no denominator. --total adds "
    "up all lines first: then each + 1 is + lines.",
    "A word's surprisal is that of its tokens and of its end: the probability that a blank or the line's end follows "
    "is the word's own, not the next one's (Pimentel & Meister 2024). Its tokens alone are in pieces_logprob. All "
    "words, and what is left of the line's end, add up to the line. With --no-eos too the last word has its own end: "
    "what a bare continuation costs is the line's logprob, or the sum of pieces_logprob.",
    "The probability is that of the line as the tokenizer writes it. Other ways to spell the same line out of its "
    "vocabulary have some probability too, which is left out: so logprob is a lower bound, and in practice close.",
    "With --prefix both texts are encoded as one; tokens that end within the prefix are read and not counted, and one "
    "that reaches over the seam is the line's.",
    "With --direction backward a line is read from its last token to its first, and what counts as its end is that it "
    "begins there; a word is the sum of its tokens. With both, P(line) is the mean of the forward and the backward "
    "model's.",
    "--pairs: a pair is right if logprob of good is strictly more than that of bad; accuracy is right / pairs, its "
    "interval Wilson's at 95 %. --nbest: combined is the other score + weight x logprob, and the largest wins. "
    "compare: bits are -logprob / ln 2 of the whole line under each model, the fewest win, and difference is how many "
    "more the second needs.",
)
