using TorchKv.Models;
using TorchKv.PortChecking.Traces;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>Runs GPT-2 on the inputs of a traced run, step by step.</summary>
internal sealed class Gpt2Run
{
    private readonly RecordedTrace _original;
    private readonly GPTModel _model;
    private readonly Gpt2RunPlan _plan;

    /// <summary>Empties the model's cache.</summary>
    public Gpt2Run(RecordedTrace original, GPTModel model, Gpt2RunPlan plan)
    {
        _original = original;
        _model = model;
        _plan = plan;
        model.reset_kv_cache();
    }

    private Device Device => _model.tok_emb.weight!.device;

    /// <summary>Runs a step.</summary>
    /// <returns>The logits, (rows, tokens, vocabulary).</returns>
    /// <exception cref="TraceException">
    /// An id or a position is beyond the model's, or a mask is not of padding.
    /// </exception>
    public Tensor Step(TraceStep step)
    {
        CheckRange(step, step.Ids.SelectMany(row => row), "id", _model.cfg.vocab_size, "vocabulary");
        if (!_plan.Continues[step.Index])
        {
            _model.reset_kv_cache();
        }

        var ids = step.ToTensor(Device);
        var mask = step.PaddingMask(Device);
        var positions = Rows(step, "position_ids", "position", _model.cfg.context_length, "context")
            ?? Counted(ids.size(1), mask);
        using var tokenTypes = AddTokenTypes(step);
        return mask is null && positions is null
            ? _model.call(ids, _plan.UsesCache)
            : _model.forward(ids, _plan.UsesCache, mask, positions);
    }

    // HuggingFace's GPT-2 counts all tokens, padding too, where it is not given positions.
    private Tensor? Counted(long tokens, Tensor? mask)
    {
        var past = _plan.UsesCache ? _model.current_pos : 0;
        return mask is null || _plan.PositionsFromMask
            ? null
            : arange(past, past + tokens, dtype: ScalarType.Int64, device: Device);
    }

    // HuggingFace's GPT-2 adds the embedding of a token's type to that of its id and its position.
    private IDisposable? AddTokenTypes(TraceStep step)
    {
        if (Rows(step, "token_type_ids", "token type", _model.cfg.vocab_size, "vocabulary") is not { } types)
        {
            return null;
        }

        var hook = _model.drop_emb.register_forward_pre_hook((_, x) => x + _model.tok_emb.call(types));
        return new Removal(hook.remove);
    }

    // An argument of integers, one for each token: (rows, tokens), (1, tokens) or (tokens).
    private Tensor? Rows(TraceStep step, string name, string what, int limit, string of)
    {
        var tokens = step.Ids.Length == 0 ? 0 : step.Ids[0].Length;
        if (step.Input(name, Device) is not { } input)
        {
            return null;
        }

        if (input.dtype != ScalarType.Int64 || tokens == 0 || input.numel() == 0 || input.numel() % tokens != 0)
        {
            throw new TraceException($"{_original.Name} was fed {name} of shape ({string.Join(", ", input.shape)}) "
                + $"in step {step.Index}; there are {tokens} tokens in a row.");
        }

        CheckRange(step, input.data<long>().ToArray(), what, limit, of);
        return input.view(-1, tokens);
    }

    private void CheckRange(TraceStep step, IEnumerable<long> values, string what, int limit, string of)
    {
        foreach (var value in values)
        {
            if (value < 0 || value >= limit)
            {
                throw new TraceException(
                    $"{_original.Name} was fed the {what} {value} in step {step.Index}; the model's {of} has {limit}.");
            }
        }
    }

    /// <summary>Removes a hook.</summary>
    private sealed class Removal(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}
