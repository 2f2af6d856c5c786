using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

public sealed class RunnerLifetimeTests
{
    private static readonly string Folder = RepositoryFiles.Weights("storyteller");

    [Theory]
    [InlineData(CpuDType.Float32)]
    [InlineData(CpuDType.Int8)]
    public void ADecodeStepAllocatesNothing(CpuDType dtype)
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { DType = dtype, Threads = 2 });
        var sequence = RunnerSequence.For(runner, 512);
        sequence.Run(Models.Ids(runner.Config, 20, new Random(1)));
        var logits = new float[runner.Config.VocabSize];
        var token = new int[1];
        var rows = new RunnerRow[1];
        for (var i = 0; i < 20; i++)
        {
            rows[0] = sequence.Next(token, LogitsWanted.Last);
            runner.Step(rows, logits);
        }

        Assert.Equal(0, Allocations.Fewest(() =>
        {
            for (var i = 0; i < 40; i++)
            {
                rows[0] = sequence.Next(token, LogitsWanted.Last);
                runner.Step(rows, logits);
            }
        }));
    }

    [Fact]
    public void ACancelledStepLeavesOtherSequencesAndCanRunAgain()
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 3 });
        var vocabulary = runner.Config.VocabSize;
        var kept = Models.Ids(runner.Config, 40, new Random(1));
        var other300 = Models.Ids(runner.Config, 300, new Random(2));
        var expectedKept = RunnerSequence.For(runner, 40).Run(kept);
        var expected = RunnerSequence.For(runner, 300, 100).Run(other300)[^vocabulary..];
        var other = RunnerSequence.For(runner, 40, 50);
        other.Run(kept[..39]);
        var cancelled = 0;
        var random = new Random(3);
        for (var trial = 0; trial < 60; trial++)
        {
            using var cancel = new CancellationTokenSource();
            var logits = new float[vocabulary];
            var row = RunnerSequence.For(runner, 300, 100).Next(other300, LogitsWanted.Last);
            cancel.CancelAfter(TimeSpan.FromMicroseconds(random.Next(20_000)));
            try
            {
                runner.Step([row], logits, cancel.Token);
                Assert.Equal(expected, logits);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
        }

        Assert.NotEqual(0, cancelled);
        Assert.Equal(expectedKept[^vocabulary..], other.Run(kept[39..]));
        Assert.Equal(expected, RunnerSequence.For(runner, 300, 100).Run(other300)[^vocabulary..]);
    }

    [Fact]
    public void DisposingDuringAStepEndsIt()
    {
        for (var trial = 0; trial < 10; trial++)
        {
            var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 3 });
            var ids = Models.Ids(runner.Config, 400, new Random(1));
            using var started = new ManualResetEventSlim();
            var stepping = Task.Run(() =>
            {
                var logits = new float[runner.Config.VocabSize];
                var row = RunnerSequence.For(runner, ids.Length).Next(ids, LogitsWanted.Last);
                while (true)
                {
                    started.Set();
                    runner.Step([row], logits);
                }
            });
            started.Wait();
            Thread.Sleep(trial);
            runner.Dispose();
            Assert.Throws<ObjectDisposedException>(() => stepping.GetAwaiter().GetResult());
            runner.Dispose();
            Assert.Throws<ObjectDisposedException>(() => runner.ReadBlock(0, new byte[runner.BytesPerBlock]));
        }
    }

    [Fact]
    public void BusyProcessorsDoNotChangeResults()
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 4 });
        var ids = Models.Ids(runner.Config, 120, new Random(4));
        var expected = RunnerSequence.For(runner, ids.Length).Run(ids);
        using var competitors = new Competitors();
        for (var trial = 0; trial < 3; trial++)
        {
            Assert.Equal(expected, RunnerSequence.For(runner, ids.Length).Run(ids, [80, .. Enumerable.Repeat(1, 40)]));
        }
    }

    [Fact]
    public void LateThreadsDoNotMixStepsOfDifferentShapes()
    {
        using var alone = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 1 });
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 6 });
        var random = new Random(5);
        var vocabulary = runner.Config.VocabSize;
        var texts = Enumerable.Range(0, 6).Select(_ => Models.Ids(runner.Config, 150, random)).ToArray();
        var expected = texts.Select(ids => RunnerSequence.For(alone, ids.Length).Run(ids)).ToArray();
        using var competitors = new Competitors();
        for (var trial = 0; trial < 3; trial++)
        {
            var sequences = texts.Select((ids, i) => RunnerSequence.For(runner, ids.Length, i * 10)).ToArray();
            for (var step = 0; sequences.Any(sequence => sequence.Position < 150); step++)
            {
                // Long steps, steps of few tokens, and steps without logits follow one another.
                var rows = new List<RunnerRow>();
                var checks = new List<(int Text, int Start, int Count)>();
                foreach (var i in Enumerable.Range(0, 6).Where(i => sequences[i].Position < 150 && random.Next(2) == 0))
                {
                    var start = sequences[i].Position;
                    var count = Math.Min(150 - start, step % 3 == 0 ? random.Next(20, 60) : random.Next(1, 4));
                    var wanted = step % 4 == 3 ? LogitsWanted.None : LogitsWanted.All;
                    rows.Add(sequences[i].Next(texts[i].AsMemory(start, count), wanted));
                    checks.Add((i, start, wanted == LogitsWanted.None ? 0 : count));
                }

                var logits = new float[checks.Sum(check => check.Count) * vocabulary];
                runner.Step([.. rows], logits);
                var at = 0;
                foreach (var (text, start, count) in checks)
                {
                    Assert.True(
                        expected[text].AsSpan(start * vocabulary, count * vocabulary)
                            .SequenceEqual(logits.AsSpan(at, count * vocabulary)),
                        $"text {text} from {start}, step {step}");
                    at += count * vocabulary;
                }
            }
        }
    }

    [Fact]
    public void AnIdleRunnersThreadsSleep()
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { Threads = 3 });
        RunnerSequence.For(runner, 5).Run([1, 2, 3]);
        Assert.True(SpinWait.SpinUntil(() => runner.Team.Sleeping == 2, TimeSpan.FromSeconds(30)));
    }

    /// <summary>Threads that keep every processor busy, and one more.</summary>
    private sealed class Competitors : IDisposable
    {
        private readonly Thread[] _threads;
        private volatile bool _stop;

        public Competitors()
        {
            _threads = [.. Enumerable.Range(0, Environment.ProcessorCount + 1)
                .Select(_ => new Thread(Compete) { IsBackground = true })];
            Array.ForEach(_threads, thread => thread.Start());
        }

        public void Dispose()
        {
            _stop = true;
            Array.ForEach(_threads, thread => thread.Join());
        }

        private void Compete()
        {
            while (!_stop)
            {
                Thread.SpinWait(100);
            }
        }
    }
}
