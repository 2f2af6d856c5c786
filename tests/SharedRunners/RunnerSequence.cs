using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.TestSupport;

/// <summary>A sequence's blocks in a runner's pool, and steps that run it alone.</summary>
internal sealed class RunnerSequence(IModelRunner runner, params int[] blocks)
{
    public int Position { get; private set; }

    public int[] Blocks { get; } = blocks;

    /// <summary>The first n blocks of a pool, enough for a number of tokens, from a first one on.</summary>
    public static RunnerSequence For(IModelRunner runner, int tokens, int firstBlock = 0) =>
        new(runner, [.. Enumerable.Range(firstBlock, BlockMath.BlocksFor(tokens, runner.BlockSize))]);

    /// <summary>A row of the next tokens; the position moves on.</summary>
    public RunnerRow Next(ReadOnlyMemory<int> tokens, LogitsWanted wanted = LogitsWanted.All)
    {
        var row = new RunnerRow(tokens, Position, Blocks, wanted);
        Position += tokens.Length;
        return row;
    }

    /// <summary>Logits of all tokens, run in pieces of the given lengths; what is left is one piece.</summary>
    public float[] Run(int[] tokens, params int[] pieces)
    {
        var vocabulary = runner.Model.VocabSize;
        var logits = new float[tokens.Length * vocabulary];
        var done = 0;
        for (var i = 0; done < tokens.Length; i++)
        {
            var count = Math.Min(i < pieces.Length ? pieces[i] : runner.MaxTokensPerStep, tokens.Length - done);
            runner.Step([Next(tokens.AsMemory(done, count))], logits.AsSpan(done * vocabulary, count * vocabulary));
            done += count;
        }

        return logits;
    }

    /// <summary>Greedy tokens after a prompt.</summary>
    public List<int> Greedy(int[] prompt, int count)
    {
        var logits = new float[runner.Model.VocabSize];
        var tokens = new List<int>();
        var piece = prompt;
        while (tokens.Count < count)
        {
            runner.Step([Next(piece, LogitsWanted.Last)], logits);
            tokens.Add(logits.AsSpan().IndexOf(logits.Max()));
            piece = [tokens[^1]];
        }

        return tokens;
    }
}
