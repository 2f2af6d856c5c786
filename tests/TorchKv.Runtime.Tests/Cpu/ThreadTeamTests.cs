using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Threads;

namespace TorchKv.Runtime.Tests.Cpu;

public sealed class ThreadTeamTests
{
    private static readonly Gpt2Config SmallConfig = new()
    {
        EmbeddingSize = 8,
        HeadCount = 1,
        InnerSize = 8,
        ContextLength = 16,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void EveryTaskIsPublishedOnceAndPhasesFollowOneAnother(int threads)
    {
        using var team = Team(threads);
        for (var run = 0; run < 300; run++)
        {
            var work = new CountedWork(new Random(run), phases: 12, mostTasks: 40);
            team.Run(work, CancellationToken.None);
            work.CheckComplete();
        }
    }

    [Fact]
    public void ARunDropsAPreemptedHelpersLateResultWithoutWaiting()
    {
        using var team = Team(2);
        using var wake = new ManualResetEventSlim();
        var caught = 0;
        for (var run = 0; run < 200 && caught == 0; run++)
        {
            var work = new CountedWork(new Random(run), phases: 4, mostTasks: 30)
            {
                OnCompute = () =>
                {
                    if (Thread.CurrentThread.Name is "torchkv-1" && Interlocked.Exchange(ref caught, 1) == 0)
                    {
                        wake.Wait();
                    }
                },
            };
            team.Run(work, CancellationToken.None);
            work.CheckComplete();
        }

        Assert.Equal(1, caught);

        // The helper continues during a later run, with a result for a phase that is over.
        for (var run = 0; run < 50; run++)
        {
            var work = new CountedWork(new Random(run), phases: 4, mostTasks: 30);
            if (run == 10)
            {
                wake.Set();
            }

            team.Run(work, CancellationToken.None);
            work.CheckComplete();
        }
    }

    [Fact]
    public void ALateHelpersWorkIsInUseUntilItLeaves()
    {
        using var team = Team(2);
        using var caught = new ManualResetEventSlim();
        using var wake = new ManualResetEventSlim();
        var late = new CountedWork(new Random(1), phases: 4, mostTasks: 30)
        {
            OnCompute = () =>
            {
                if (Thread.CurrentThread.Name is "torchkv-1" && !caught.IsSet)
                {
                    caught.Set();
                    wake.Wait();
                }
            },
        };

        // Until the helper is fast enough to take part in a run.
        while (!caught.IsSet)
        {
            late.Clear();
            team.Run(late, CancellationToken.None);
            late.CheckComplete();
        }

        Assert.True(team.IsInUse(late));
        for (var run = 0; run < 50; run++)
        {
            var work = new CountedWork(new Random(run), phases: 4, mostTasks: 30);
            team.Run(work, CancellationToken.None);
            work.CheckComplete();
            Assert.False(team.IsInUse(work));
            Assert.True(team.IsInUse(late));
        }

        wake.Set();
        Assert.True(SpinWait.SpinUntil(() => !team.IsInUse(late), TimeSpan.FromSeconds(30)));
        late.CheckComplete();
    }

    [Fact]
    public void ThereIsAlwaysAWorkThatNoThreadUses()
    {
        const int Threads = 5;
        using var team = Team(Threads);
        var works = Enumerable.Range(0, Threads)
            .Select(i => new CountedWork(new Random(i), phases: 3, mostTasks: 12) { OnCompute = Sometimes })
            .ToArray();
        for (var run = 0; run < 3000; run++)
        {
            var free = Array.FindIndex(works, work => !team.IsInUse(work));
            Assert.NotEqual(-1, free);
            works[free].Clear();
            team.Run(works[free], CancellationToken.None);
            works[free].CheckComplete();
        }

        // Some threads lose their processor in the middle of a task.
        static void Sometimes()
        {
            if (Random.Shared.Next(40) == 0)
            {
                Thread.Yield();
            }
        }
    }

    [Fact]
    public void ACancelledRunPublishesNothingAfterItHasThrown()
    {
        using var team = Team(3);
        for (var run = 0; run < 200; run++)
        {
            // The source is not disposed, because a late helper may cancel it after the run.
            var cancel = new CancellationTokenSource();
            var tasks = 0;
            var work = new CountedWork(new Random(run), phases: 12, mostTasks: 40)
            {
                OnCompute = () =>
                {
                    if (Interlocked.Increment(ref tasks) == 1 + (run % 70))
                    {
                        cancel.Cancel();
                    }
                },
            };
            try
            {
                team.Run(work, cancel.Token);
                work.CheckComplete();
            }
            catch (OperationCanceledException)
            {
                var published = work.Published;
                Thread.Yield();
                Assert.Equal(published, work.Published);
            }

            var next = new CountedWork(new Random(run), phases: 5, mostTasks: 20);
            team.Run(next, CancellationToken.None);
            next.CheckComplete();
            Assert.True(work.Published <= work.Total);
        }
    }

    [Fact]
    public void HelpersSleepWhenThereIsNothingToDo()
    {
        using var team = Team(4);
        for (var run = 0; run < 3; run++)
        {
            team.Run(new CountedWork(new Random(run), phases: 5, mostTasks: 20), CancellationToken.None);
            Assert.True(SpinWait.SpinUntil(() => team.Sleeping == team.Helpers, TimeSpan.FromSeconds(30)));
        }
    }

    private static ThreadTeam Team(int threads) =>
        new(threads, 64, () => new Workspace(SmallConfig));
}
