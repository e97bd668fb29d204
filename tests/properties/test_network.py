"""What must hold for every cell: padding, batching and stepping change nothing, and probabilities add up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from rnncli.config import ActivationName, CellName
from rnncli.inference.engine import State as EngineState
from rnncli.inference.torch_engine import TorchEngine
from rnncli.nn import likelihood
from rnncli.nn.elman import ACTIVATIONS, elman
from rnncli.nn.likelihood import all_logprobs, token_logprobs, weighted_loss
from rnncli.nn.model import LanguageModel, State, detach, flat, unflat
from rnncli.nn.weights import named_parameters
from rnncli.training.beginning import new_model
from rnncli.training.evaluate import Validation, stream_logprob
from tests.nets import CELLS, MACHINE, NEWLINE, config_of, count_tokens, network, random_state, same, stored, text_of
from tests.toy import spread, targets_of

LENGTHS = (5, 0, 3, 1, 5, 2)
every_cell = pytest.mark.parametrize(("cell", "activation"), CELLS)


def random_ids(*shape: int, seed: int = 0, below: int = 7) -> torch.Tensor:
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(seed))


def loss_of(
    model: LanguageModel, features_ND: torch.Tensor, targets_N: torch.Tensor, weight_N: torch.Tensor
) -> torch.Tensor:
    return weighted_loss(features_ND, model.head, model.bias, targets_N, weight_N)


def gradients(model: LanguageModel) -> dict[str, torch.Tensor]:
    found = {}
    for name, parameter in named_parameters(model).items():
        assert parameter.grad is not None, name
        found[name] = parameter.grad.clone()
        parameter.grad = None
    return found


@every_cell
@pytest.mark.parametrize("told", [True, False])
def test_padded_equals_unpadded(cell: CellName, activation: ActivationName, told: bool) -> None:
    """``told``: with lengths. Without them the state is not asked for, and the loss alone leaves padding out."""
    model = network(config_of(cell, activation))
    state = random_state(model, len(LENGTHS))
    ids, targets = random_ids(len(LENGTHS), max(LENGTHS)), random_ids(len(LENGTHS), max(LENGTHS), seed=1)
    lengths = torch.tensor(LENGTHS)
    total = sum(LENGTHS)
    real = torch.arange(max(LENGTHS)) < lengths[:, None]

    features, after = model(ids, state, lengths_B=lengths if told else None)
    loss = loss_of(model, features.flatten(0, 1), targets.flatten(), real.flatten().float() / total)
    torch.autograd.backward(loss)
    padded = gradients(model)

    alone = torch.zeros(())
    for row, length in enumerate(LENGTHS):
        before: State = tuple(tuple(a[row : row + 1] for a in layer) for layer in state)
        if not length:
            if told:
                assert same([a[row : row + 1] for a in flat(after)], flat(before))
            continue
        one, ended = model(ids[row : row + 1, :length], before)
        torch.testing.assert_close(features[row, :length], one[0], rtol=0, atol=1e-12)
        if told:
            for mine, other in zip(flat(after), flat(ended), strict=True):
                torch.testing.assert_close(mine[row : row + 1], other, rtol=0, atol=1e-12)
        part = loss_of(model, one[0], targets[row, :length], torch.full((length,), 1 / total))
        torch.autograd.backward(part)
        alone = alone + part.detach()
    assert float(alone) == pytest.approx(float(loss.detach()), abs=1e-6)
    for name, gradient in gradients(model).items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(padded[name], gradient, rtol=1e-5, atol=1e-7)


@every_cell
def test_what_padding_holds_does_not_matter(cell: CellName, activation: ActivationName) -> None:
    model = network(config_of(cell, activation))
    lengths = torch.tensor(LENGTHS)
    real = torch.arange(max(LENGTHS)) < lengths[:, None]
    ids = random_ids(len(LENGTHS), max(LENGTHS))
    other = torch.where(real, ids, (ids + 3) % 7)
    assert not torch.equal(ids, other)
    state = random_state(model, len(LENGTHS))
    (one, one_after), (two, two_after) = (model(i, state, lengths_B=lengths) for i in (ids, other))
    assert torch.equal(one[real], two[real])
    assert same(flat(one_after), flat(two_after))


@every_cell
def test_step_by_step_equals_one_pass_and_state_is_a_value(cell: CellName, activation: ActivationName) -> None:
    model = network(config_of(cell, activation))
    ids, state = random_ids(3, 6), random_state(model, 3)
    kept = [a.clone() for a in flat(state)]
    whole, after = model(ids, state)
    assert same(flat(state), kept)
    for cut in (1, 4):
        now, parts = state, []
        for begin in range(0, 6, cut):
            features, now = model(ids[:, begin : begin + cut], detach(now))
            parts.append(features)
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)
        for one, other in zip(flat(now), flat(after), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    assert same(flat(unflat(flat(after), model.config.layers)), flat(after))
    assert not any(a.requires_grad for a in flat(detach(after)))


@every_cell
def test_rows_know_nothing_of_each_other(cell: CellName, activation: ActivationName) -> None:
    model = network(config_of(cell, activation))
    ids, state = random_ids(3, 4), random_state(model, 3)
    changed = ids.clone()
    changed[1] = (ids[1] + 1) % 7
    touched: State = tuple(tuple(a + torch.tensor([[0.0], [1.0], [0.0]]) for a in layer) for layer in state)
    (one, one_after), (two, two_after) = model(ids, state), model(changed, touched)
    for row in (0, 2):
        assert torch.equal(one[row], two[row])
        assert same([a[row] for a in flat(one_after)], [a[row] for a in flat(two_after)])
    assert not torch.equal(one[1], two[1])


@every_cell
def test_a_uniform_model_has_as_much_perplexity_as_tokens(cell: CellName, activation: ActivationName) -> None:
    for size in (7, 300):
        model = network(config_of(cell, activation, vocab_size=size), dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        ids = text_of(100, vocab_size=size)
        validation = Validation(ids=ids, starts=None, newline_id=NEWLINE, count_text=count_tokens)
        assert validation.tally(model).token_perplexity == pytest.approx(size, rel=1e-6)


def test_fresh_weights_follow_from_the_seed_and_are_close_to_uniform() -> None:
    for cell, activation in CELLS:
        config = config_of(cell, activation, hidden_size=16, embedding_size=16)
        one, same_seed, other = (new_model(config, seed) for seed in (1, 1, 2))
        assert same(list(one.parameters()), list(same_seed.parameters()))
        assert not torch.equal(one.embedding, other.embedding)
        # A short text: a sum of rectified steps, as the identity makes it, grows with the text until it is taught.
        ids = text_of(20)
        assert -stream_logprob(one, ids, NEWLINE) / len(ids) == pytest.approx(math.log(7), abs=0.2)


def test_fresh_recurrent_weights_are_orthogonal_or_the_identity() -> None:
    for cell, activation in CELLS:
        model = new_model(config_of(cell, activation), 1)
        for name, parameter in named_parameters(model).items():
            if not name.endswith(".R"):
                continue
            for block in parameter.detach().view(-1, 5, parameter.shape[1]):
                if activation in ("relu", "relu6", "elu"):
                    assert torch.equal(block, torch.eye(5))
                elif activation == "crelu":
                    assert torch.equal(block, torch.cat((torch.eye(5), -torch.eye(5)), 1))
                else:
                    torch.testing.assert_close(block @ block.t(), torch.eye(5), rtol=0, atol=1e-5)


def test_the_forget_gates_bias_starts_where_it_is_told() -> None:
    model = new_model(config_of("lstm", forget_bias=1.5), 1)
    for name, parameter in named_parameters(model).items():
        if name.endswith(".B"):
            expected = torch.zeros(2, 20)
            expected[0, 5:10] = 1.5
            assert torch.equal(parameter, expected)


# -- the loss


@pytest.mark.parametrize("at_once", [1, 1 << 24])
def test_the_loss_has_autograds_gradients(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(likelihood, "CHUNK_BYTES", at_once)
    assert len(likelihood.chunks(40, 30)) == (3 if at_once == 1 else 1)
    generator = torch.Generator().manual_seed(0)
    features, head = (torch.randn(n, 8, generator=generator, requires_grad=True) for n in (40, 30))
    bias = torch.randn(30, generator=generator, requires_grad=True)
    targets = random_ids(40, below=30)
    weights = torch.rand(40, generator=generator) * (torch.arange(40) % 5 > 0)

    loss = weighted_loss(features, head, bias, targets, weights)
    torch.autograd.backward(3 * loss)
    found = [p.grad for p in (features, head, bias)]
    for parameter in (features, head, bias):
        parameter.grad = None
    logprobs = torch.log_softmax(features @ head.t() + bias, -1)[torch.arange(40), targets]
    expected = -(weights * logprobs).sum()
    torch.autograd.backward(3 * expected)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    for mine, parameter in zip(found, (features, head, bias), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(token_logprobs(features, head, bias, targets), logprobs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("dtype", "apart"), [(torch.bfloat16, 0.01), (torch.float16, 0.002)])
def test_the_loss_in_half_precision_is_the_one_in_single_but_for_rounding(dtype: torch.dtype, apart: float) -> None:
    """Also where a weight is smaller than float16's least number, and one token is all but certain."""
    generator = torch.Generator().manual_seed(0)
    features, head = (torch.randn(n, 8, generator=generator).to(dtype).float() for n in (40, 30))
    bias = torch.linspace(-4, 4, 30).to(dtype).float()
    features[7] = 5 * head[3]
    targets = random_ids(40, below=30)
    targets[7] = 3
    weights = 1e-9 * (torch.arange(40) % 5 > 0)
    found = []
    for kind in (torch.float32, dtype):
        given = [p.to(kind if p is features else torch.float32, copy=True) for p in (features, head, bias)]
        one, two, three = (p.requires_grad_() for p in given)
        loss = weighted_loss(one, two, three, targets, weights)
        torch.autograd.backward(loss * 1e9)
        found.append([loss.detach(), *(p.grad.float() for p in given if p.grad is not None)])
    for exact, rounded in zip(*found, strict=True):
        assert float((exact - rounded).norm() / exact.norm()) < apart


def test_a_token_of_no_probability_has_a_loss_all_the_same() -> None:
    """exp(-300) is 0 in every dtype; its logarithm is -300."""
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        features = torch.tensor([[300.0], [1.0]], dtype=dtype, requires_grad=True)
        head = torch.tensor([[0.0], [1.0]])
        loss = weighted_loss(features, head, torch.zeros(2), torch.tensor([0, 1]), torch.tensor([1.0, 0.0]))
        assert float(loss.detach()) == 300.0
        torch.autograd.backward(loss)
        assert features.grad is not None
        assert features.grad.tolist() == [[1.0], [0.0]]


def test_log_p_by_hand() -> None:
    """Logits 0, ln 2, ln 5 are probabilities 1/8, 2/8, 5/8."""
    features, head = torch.ones(3, 1), torch.tensor([[0.0], [math.log(2)], [math.log(5)]])
    found = token_logprobs(features, head, torch.zeros(3), torch.tensor([0, 1, 2]))
    np.testing.assert_allclose(found.exp(), [1 / 8, 2 / 8, 5 / 8], rtol=1e-6)
    loss = weighted_loss(features, head, torch.zeros(3), torch.tensor([0, 1, 2]), torch.tensor([0.5, 0.0, 0.25]))
    assert float(loss) == pytest.approx(0.5 * math.log(8) + 0.25 * math.log(8 / 5))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_simple_networks_gradients(activation: ActivationName) -> None:
    generator = torch.Generator().manual_seed(0)
    width = 4 if activation == "crelu" else 2

    def number(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    # Wide enough that relu6 is cut off at both ends.
    x, h, R = 4 * number(3, 4, 2), number(3, width), number(2, width)
    pre_sizes = elman(x, h, R, "relu" if activation == "relu6" else activation)
    assert activation != "relu6" or (pre_sizes.max() > 6 and pre_sizes.min() == 0)
    inputs = tuple(t.requires_grad_() for t in (x, h, R))
    assert torch.autograd.gradcheck(lambda x, h, R: elman(x, h, R, activation), inputs)


# -- the engine


def one_by_one(
    model: LanguageModel, ids: torch.Tensor, row: int, length: int, state: EngineState
) -> tuple[torch.Tensor, EngineState]:
    """Log-probabilities (T, V) after each token of one row, and the state after the last."""
    now = unflat(tuple(torch.from_numpy(a[row : row + 1]) for a in state), model.config.layers)
    found = []
    with torch.no_grad():
        for t in range(length):
            features, now = model(ids[row : row + 1, t : t + 1], now)
            found.append(all_logprobs(features[0] @ model.head.t() + model.bias)[0])
    return torch.stack(found) if found else torch.zeros(0, 7), tuple(a.numpy() for a in flat(now))


@every_cell
@pytest.mark.parametrize("lengths", [(5, 3, 1, 5, 2), (4, 4, 4)])
def test_the_engine_equals_rows_run_alone(cell: CellName, activation: ActivationName, lengths: tuple[int, ...]) -> None:
    model = network(config_of(cell, activation), dtype=torch.float32).eval()
    engine = TorchEngine(stored(model), MACHINE)
    assert all(not a.any() for a in engine.start(2))
    state: EngineState = tuple(a.numpy() for a in flat(random_state(model, len(lengths))))
    kept = [a.copy() for a in state]
    ids, targets = random_ids(len(lengths), max(lengths)), random_ids(len(lengths), max(lengths), seed=1)
    sizes = np.array(lengths)
    wanted = targets_of(targets.numpy(), sizes)
    plain, after = engine.advance(ids.numpy(), sizes, state, want="targets", targets=wanted)
    full, after_full = engine.advance(ids.numpy(), sizes, state, want="details", targets=wanted)
    last, after_last = engine.advance(ids.numpy(), sizes, state, want="last")
    assert all(np.array_equal(a, b) for a, b in zip(state, kept, strict=True))
    assert plain.rank is None
    assert plain.entropy is None
    assert full.rank is not None
    assert full.entropy is not None
    all_ranks, all_entropies = spread(full.rank, sizes), spread(full.entropy, sizes)
    for row, length in enumerate(lengths):
        expected, ended = one_by_one(model, ids, row, length, state)
        for states in (after, after_full, after_last):
            for mine, other in zip(states, ended, strict=True):
                np.testing.assert_allclose(mine[row], other[0], atol=1e-5)
        chosen = expected[torch.arange(length), targets[row, :length]]
        for found in (plain, full):
            np.testing.assert_allclose(spread(found.logprob, sizes)[row, :length], chosen, atol=1e-5)
        ranks = [1 + sum(bool(p > mine) for p in each) for each, mine in zip(expected, chosen, strict=True)]
        assert all_ranks[row].tolist() == ranks + [0] * (max(lengths) - length)
        entropies = [-sum(math.exp(p) * p for p in each.tolist()) for each in expected]
        np.testing.assert_allclose(all_entropies[row], entropies + [0.0] * (max(lengths) - length), atol=1e-5)
        if length:
            np.testing.assert_allclose(last.logprob[row], expected[-1], atol=1e-5)


@every_cell
@pytest.mark.parametrize("tie", [True, False])
def test_all_sequences_and_the_unfinished_mass_sum_to_1(cell: CellName, activation: ActivationName, tie: bool) -> None:
    """Every text of at most two tokens before its end, and every beginning of three tokens without one."""
    tokens, end, longest = 4, 0, 3
    model = network(config_of(cell, activation, vocab_size=tokens, tie=tie), dtype=torch.float32)
    engine = TorchEngine(stored(model), MACHINE)
    others = [t for t in range(tokens) if t != end]
    finished = [(*body, end) for n in range(longest) for body in itertools.product(others, repeat=n)]
    unfinished = list(itertools.product(others, repeat=longest))
    texts = finished + unfinished
    assert len(texts) == 1 + 3 + 9 + 27
    lengths = np.array([len(text) for text in texts])
    targets = np.array([[*text, *[end] * (longest - len(text))] for text in texts])
    ids = np.concatenate((np.full((len(texts), 1), end), targets[:, :-1]), axis=1)
    found, _ = engine.advance(
        ids, lengths, engine.start(len(texts)), want="targets", targets=targets_of(targets, lengths)
    )
    mass = np.exp(spread(found.logprob, lengths).astype(np.float64).sum(axis=1))
    assert mass.sum() == pytest.approx(1, abs=1e-5)
    assert 0.01 < mass[: len(finished)].sum() < 0.99
