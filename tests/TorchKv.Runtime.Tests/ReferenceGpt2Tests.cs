using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests;

/// <summary>The oracle against HuggingFace.</summary>
public class ReferenceGpt2Tests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsKeysAndValuesAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var model = ReferenceGpt2.Load(golden.Folder);
        var rows = golden.Ids("batch_ids");
        for (var row = 0; row < rows.Length; row++)
        {
            var output = model.Forward(rows[row]);
            Close(golden.Tensors["full.logits"].Row(row), Flatten(output.Logits));
            for (var layer = 0; layer < model.LayerCount; layer++)
            {
                Close(golden.Tensors[$"full.cache_k.{layer}"].Row(row), Flatten(output.Keys[layer].SelectMany(head => head)));
                Close(golden.Tensors[$"full.cache_v.{layer}"].Row(row), Flatten(output.Values[layer].SelectMany(head => head)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LeftPaddedRowIsTheRowWithoutItsPads(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var model = ReferenceGpt2.Load(golden.Folder);
        var rows = golden.Ids("leftpad_ids").Zip(golden.Ids("leftpad_mask")).ToArray();
        for (var row = 0; row < rows.Length; row++)
        {
            var pads = rows[row].Second.Count(seen => seen == 0);
            Close(golden.Tensors["leftpad.logits"].Row(row)[(pads * model.VocabSize)..], Flatten(model.Logits(rows[row].First[pads..])));
        }
    }

    private static IEnumerable<double> Flatten(IEnumerable<double[]> rows) => rows.SelectMany(row => row);

    private static void Close(ReadOnlySpan<float> expected, IEnumerable<double> actual)
    {
        var values = actual.ToArray();
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            Assert.True(Math.Abs(values[i] - expected[i]) <= 1e-4 + (1e-4 * Math.Abs(expected[i])), $"{i}: {values[i]} instead of {expected[i]}");
        }
    }
}
