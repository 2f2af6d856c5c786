using TorchKv.Runtime.Cpu;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>Logits in float32 match the recorded HuggingFace fixtures, for every configuration.</summary>
[Trait("speed", "fast")]
public sealed class HuggingFaceParityTests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsOfAWholePromptMatchHuggingFace(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = CpuRunner.Load(golden.Folder);
        foreach (var (ids, row) in golden.Ids("batch_ids").Select((ids, row) => (ids, row)))
        {
            Close.To(golden.Tensors["full.logits"].Row(row), RunnerSequence.For(runner, ids.Length).Run(ids));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsOfAPromptInPiecesMatchHuggingFace(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = CpuRunner.Load(golden.Folder);
        foreach (var kind in new[] { "incremental", "chunked" })
        {
            var sizes = golden.Golden.GetProperty($"{kind}.chunks").EnumerateArray();
            var pieces = sizes.Select(size => size.GetInt32()).ToArray();
            foreach (var (ids, row) in golden.Ids("batch_ids").Select((ids, row) => (ids, row)))
            {
                var logits = RunnerSequence.For(runner, ids.Length).Run(ids, pieces);
                Close.To(golden.Tensors[$"{kind}.logits"].Row(row), logits);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void RowsOfUnequalLengthMatchHuggingFacesLeftPaddedBatch(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = CpuRunner.Load(golden.Folder);
        var masks = golden.Ids("leftpad_mask");
        var rows = golden.Ids("leftpad_ids")
            .Select((ids, row) => ids.Where((_, i) => masks[row][i] != 0).ToArray())
            .ToArray();
        var logits = new float[rows.Sum(row => row.Length) * runner.Config.VocabSize];
        runner.Step([.. rows.Select((row, i) => RunnerSequence.For(runner, row.Length, 4 * i).Next(row))], logits);
        var start = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            var count = rows[i].Length * runner.Config.VocabSize;
            var expected = golden.Tensors["leftpad.logits"].Row(i);
            Close.To(expected[^count..], logits.AsSpan(start, count));
            start += count;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GreedyTokensMatchHuggingFace(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = CpuRunner.Load(golden.Folder);
        var greedy = golden.Golden.GetProperty("greedy");
        var prompt = golden.Ids("prompt_ids")[0];
        var expected = HuggingFaceCase.Rows(greedy.GetProperty("sequences"))[0];
        var tokens = RunnerSequence.For(runner, expected.Length).Greedy(prompt, expected.Length - prompt.Length);
        Assert.Equal(expected, prompt.Concat(tokens));
    }
}
