using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>Counts all tensors of the process, so nothing else may run meanwhile.</summary>
[Collection(nameof(TorchGenerator))]
public class TensorCountTests
{
    [Fact]
    public void AThousandStepsLeaveNoTensorBehind()
    {
        // A model's parameters are counted once more than they are disposed: it is loaded before
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        var before = Count();
        using (var runner = new TorchRunner(model, blockCount: 12))
        {
            var (logits, block) = (new float[3 * runner.Model.VocabSize], new byte[runner.BytesPerBlock]);
            long[] counts = [0, 0];
            for (var step = 0; step < 1000; step++)
            {
                var position = step % 60;
                runner.Step(
                    [
                        new(new[] { step % 211 }, position, new[] { 0, 1, 2, 3 }, LogitsWanted.Last),
                        new(new[] { 7, 8 }, position, new[] { 4, 5, 6, 7 }, LogitsWanted.Last),
                        new(new[] { 9 }, position / 2, new[] { 8, 9 }, LogitsWanted.Last),
                    ],
                    logits);
                runner.CopyBlock(0, 10);
                runner.ReadBlock(10, block);
                runner.WriteBlock(11, block);
                Assert.Throws<ArgumentException>(
                    () => runner.Step([new(new[] { -1 }, 0, new[] { 0 }, LogitsWanted.None)], []));
                counts[step < 100 ? 0 : 1] = Math.Max(counts[step < 100 ? 0 : 1], Tensor.TotalCount);
            }

            Assert.True(counts[1] <= counts[0], $"{counts[0]} tensors after 100 steps, {counts[1]} after 1,000");
        }

        var after = Count();
        Assert.True(after <= before, $"{before} tensors before, {after} after");
    }

    /// <summary>Tensors that something still refers to.</summary>
    private static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
