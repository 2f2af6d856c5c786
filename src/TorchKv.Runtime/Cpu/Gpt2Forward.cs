using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Phases;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Weights;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// GPT-2's forward pass, from token ids to logits, as a list of phases. x is the residual stream,
/// (tokens, width). A phase begins when the one before is complete for all tokens of the step.
/// </summary>
/// <param name="weights">The parameters.</param>
/// <param name="activations">The rows of all tokens between phases.</param>
/// <param name="pool">The blocks of keys and values.</param>
/// <param name="kernels">The arithmetic.</param>
/// <param name="threads">Threads that compute.</param>
internal sealed class Gpt2Forward(
    Gpt2Weights weights, Activations activations, KvPool pool, KernelSet kernels, int threads)
{
    /// <summary>The phases of a step in order.</summary>
    public PhaseList Phases => new(Layers(), Logits());

    private IEnumerable<Phase> Layers()
    {
        var x = new AddTarget(activations.Residual);
        RowArray normed = activations.Normed, attended = activations.Attended, hidden = activations.Hidden;

        // x = token embedding + position embedding
        yield return new EmbeddingPhase(weights, activations.Residual);
        for (var i = 0; i < weights.Layers.Count; i++)
        {
            var layer = weights.Layers[i];

            // x = x + projection(attention(norm1(x)))
            yield return Norm(layer.Norm1, layer.Qkv);
            yield return Product(layer.Qkv, normed, new AttentionInputTarget(activations.Queries, pool, i));
            yield return new AttentionPhase(weights.Config, kernels, activations, pool, i, threads);
            foreach (var phase in QuantizeFor(layer.Projection, attended))
            {
                yield return phase;
            }

            yield return Product(layer.Projection, attended, x);

            // x = x + down(activation(up(norm2(x))))
            yield return Norm(layer.Norm2, layer.Up);
            yield return Product(layer.Up, normed, new CopyTarget(hidden), weights.Config.Activation);
            foreach (var phase in QuantizeFor(layer.Down, hidden))
            {
                yield return phase;
            }

            yield return Product(layer.Down, hidden, x);
        }
    }

    private IEnumerable<Phase> Logits()
    {
        // logits = head(final norm(x)), only for the tokens whose logits are wanted
        yield return Norm(weights.FinalNorm, weights.Head, wantedOnly: true);
        yield return Product(
            weights.Head, activations.Normed, new LogitsTarget(weights.Config.VocabSize), wantedOnly: true);
    }

    private NormPhase Norm(NormWeights norm, PackedMatrix matrix, bool wantedOnly = false) =>
        new(weights.Config, kernels, activations, norm, matrix, wantedOnly);

    /// <summary>
    /// Quantizes rows for a matrix whose weights are integers. Rows that come from a norm are quantized there.
    /// </summary>
    private IEnumerable<Phase> QuantizeFor(PackedMatrix matrix, RowArray rows) =>
        matrix.Quantized ? [new QuantizePhase(kernels, activations, rows, matrix)] : [];

    private ProductPhase Product(
        PackedMatrix matrix,
        RowArray from,
        ProductTarget to,
        Gpt2Activation? activation = null,
        bool wantedOnly = false) =>
        new(kernels, activations, matrix, from, to, threads) { Activation = activation, WantedOnly = wantedOnly };
}
