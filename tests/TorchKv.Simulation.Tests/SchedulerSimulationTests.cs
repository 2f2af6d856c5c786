using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Simulation.Tests;

public class SchedulerSimulationTests
{
    [Fact]
    public void OneRequestTakesTheTimeThatItsStepsCost()
    {
        var options = new SimulationOptions { Cost = new StepCost { PerStep = 1, PerToken = 0.1, PerAttendedToken = 0.01 } };
        var report = SchedulerSimulation.Run([new SimulatedRequest(5, 10, 3)], options);
        Assert.Equal((1, 3L), (report.Completed, report.Steps));
        Assert.Equal(2, report.TimeToFirstToken.Percentile(0.5), 1e-9);
        Assert.Equal(1.2, report.InterTokenLatency.Percentile(0.5), 1e-9);
        Assert.Equal(1.21, report.InterTokenLatency.Percentile(1), 1e-9);
        Assert.Equal(4.41, report.EndToEnd.Percentile(0.5), 1e-9);
        Assert.Equal(5 + 2 + 1.2 + 1.21, report.Duration, 1e-9);
    }

    [Fact]
    public void TenThousandRequestsASecondGiveOneReportASeed()
    {
        var workload = SimulatedWorkload.Make(10_000, 10_000, 3, (16, 200), (8, 40), sharedTokens: 64, prefixes: 8);
        var options = new SimulationOptions { BlockCount = 20_000, Scheduling = new SchedulingOptions { MaxTokensPerStep = 4096, MaxLogitsPerStep = 1024, MaxRunningSequences = 1024, MaxQueuedRequests = 100_000 } };
        var first = SchedulerSimulation.Run(workload, options);
        var second = SchedulerSimulation.Run(workload, options);
        Assert.Equal(10_000, first.Completed);
        Assert.Equal((second.Duration, second.Steps, second.GeneratedTokens), (first.Duration, first.Steps, first.GeneratedTokens));
        Assert.All([0.1, 0.5, 0.99], share => Assert.Equal(second.TimeToFirstToken.Percentile(share), first.TimeToFirstToken.Percentile(share)));
        Assert.Equal(second.Moments, first.Moments);
        Assert.True(first.PrefixHitShare > 0.2);
        Assert.InRange(first.Moments.Count, 10, 1001);
        Assert.True(first.UnusedShare < first.ContiguousUnusedShare);
    }

    [Fact]
    public void PoliciesDifferAsTheyShould()
    {
        var workload = SimulatedWorkload.Make(1_500, 400, 5, (16, 1500), (16, 100));
        var scheduling = new SchedulingOptions { MaxTokensPerStep = 2048, MaxLogitsPerStep = 256, PrefillTokensBesideDecodes = 128, MaxQueuedRequests = 10_000 };
        var cost = new StepCost { PerStep = 2e-3, PerToken = 2e-5 };
        var chunked = SchedulerSimulation.Run(workload, new SimulationOptions { Scheduling = scheduling, Cost = cost, BlockCount = 40_000 });
        var whole = SchedulerSimulation.Run(workload, new SimulationOptions { Scheduling = scheduling with { PrefillTokensBesideDecodes = 2048 }, Cost = cost, BlockCount = 40_000 });
        Assert.True(chunked.InterTokenLatency.Percentile(0.99) * 4 < whole.InterTokenLatency.Percentile(0.99));
        var shortest = SchedulerSimulation.Run(workload, new SimulationOptions { Scheduling = scheduling with { QueueOrder = QueueOrder.ShortestPromptFirst }, Cost = cost, BlockCount = 40_000 });
        Assert.True(shortest.TimeToFirstToken.Percentile(0.5) < chunked.TimeToFirstToken.Percentile(0.5));
        var small = SchedulerSimulation.Run(workload, new SimulationOptions { Scheduling = scheduling, Cost = cost, BlockCount = 150 });
        Assert.True(small.Preemptions > 0);
        Assert.Equal(1_500, small.Completed);
    }

    [Fact]
    public void AFullQueueAndATooSmallPoolRefuse()
    {
        var report = SchedulerSimulation.Run(
            [new SimulatedRequest(0, 1000, 1), .. Enumerable.Range(0, 10).Select(_ => new SimulatedRequest(0, 4, 2))],
            new SimulationOptions { BlockCount = 8, Scheduling = new SchedulingOptions { MaxQueuedRequests = 4 } });
        Assert.Equal((4, 7), (report.Completed, report.Refused));
    }

    [Fact]
    public void PercentilesAreThoseOfTheSortedValues()
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, 1000).Select(_ => (double)random.Next(1, 40)).ToArray();
        var distribution = new LatencyDistribution();
        Assert.Equal(0, distribution.Percentile(0.5));
        foreach (var value in values)
        {
            distribution.Add(value);
        }

        Array.Sort(values);
        for (var i = 1; i <= 1000; i++)
        {
            Assert.Equal(values[i - 1], distribution.Percentile(i / 1000.0));
        }

        distribution.Add(0.5);
        Assert.Equal(0.5, distribution.Percentile(0));
        Assert.Equal(1001, distribution.Count);
    }

    [Fact]
    public void StepsKeepTheBooksAndEndedRequestsReturnBlocks()
    {
        var workload = SimulatedWorkload.Make(120, 2000, 9, (1, 120), (1, 60), sharedTokens: 40, prefixes: 3);
        var simulation = new SchedulerSimulation(workload, new SimulationOptions { BlockCount = 40, Scheduling = new SchedulingOptions { MaxTokensPerStep = 64, PrefillTokensBesideDecodes = 24 } });
        var shared = 0;
        while (simulation.Step())
        {
            var snapshot = simulation.Snapshot();
            var holders = snapshot.Sequences.SelectMany(sequence => sequence.Blocks).CountBy(block => block).ToDictionary();
            for (var block = 0; block < 40; block++)
            {
                Assert.Equal(
                    holders.GetValueOrDefault(block) switch { 0 => true, _ => false },
                    snapshot.Blocks[block] is BlockUse.Free or BlockUse.Cached);
                shared += snapshot.Blocks[block] == BlockUse.Shared ? 1 : 0;
                Assert.Equal(holders.GetValueOrDefault(block) > 1, snapshot.Blocks[block] == BlockUse.Shared);
            }
        }

        Assert.Equal((120, 0), (simulation.Completed, simulation.Refused));
        Assert.DoesNotContain(simulation.Snapshot().Blocks, use => use is BlockUse.Held or BlockUse.Shared);
        var report = simulation.Report();
        Assert.True(report.Preemptions > 0 && shared > 0 && report.PrefixHitShare > 0);
        Assert.Equal(workload.Sum(request => (long)request.NewTokens), report.GeneratedTokens);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(-1, 10)]
    public void ALowerPriorityNumberIsServedFirst(int priority, int steps)
    {
        // The last of the queue takes ten steps to its first token, each of the others one.
        var report = SchedulerSimulation.Run(
            [.. Enumerable.Range(0, 20).Select(_ => new SimulatedRequest(0, 64, 1)), new SimulatedRequest(0, 640, 1, Priority: priority)],
            new SimulationOptions
            {
                Scheduling = new SchedulingOptions { MaxTokensPerStep = 64, MaxRunningSequences = 1 },
                Cost = new StepCost { PerStep = 1, PerToken = 0, PerAttendedToken = 0 },
            });
        Assert.Equal(steps, report.TimeToFirstToken.Percentile(0));
        Assert.Equal((21, 30.0), (report.Completed, report.TimeToFirstToken.Percentile(1)));
    }

    [Fact]
    public void AWorkloadOutOfOrderOrLimitsIsRefused()
    {
        Assert.Throws<RequestException>(() => new SchedulerSimulation([new SimulatedRequest(2, 1, 1), new SimulatedRequest(1, 1, 1)], new SimulationOptions()));
        Assert.Throws<RequestException>(() => new SchedulerSimulation([new SimulatedRequest(double.NaN, 1, 1)], new SimulationOptions()));
        Assert.Throws<RequestException>(() => new SchedulerSimulation([default], new SimulationOptions()));
        Assert.Throws<RequestException>(() => new SchedulerSimulation([new SimulatedRequest(0, 4, 1, "p", 5)], new SimulationOptions()));
        Assert.Throws<OptionException>(() => SimulatedWorkload.Make(0, 1, 1, (1, 1), (1, 1)));
        Assert.Throws<OptionException>(() => SimulatedWorkload.Make(1, 0, 1, (1, 1), (1, 1)));
        Assert.Throws<OptionException>(() => SimulatedWorkload.Make(1, 1, 1, (2, 1), (1, 1)));
        Assert.Throws<OptionException>(() => SimulatedWorkload.Make(1, 1, 1, (1, 1), (1, 1), SimulatedRequest.MaxTokens));
    }

    [Theory]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":1}", "new_tokens is missing")]
    [InlineData("{\"prompt_tokens\":1,\"new_tokens\":1}", "arrival is missing")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":0,\"new_tokens\":1}", "prompt_tokens is 0")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":1e9,\"new_tokens\":1}", "prompt_tokens is 1e9")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":\"4\",\"new_tokens\":1}", "prompt_tokens is \"4\"")]
    [InlineData("{\"arrival\":-1,\"prompt_tokens\":1,\"new_tokens\":1}", "arrival is -1")]
    [InlineData("{\"arrival\":1e300,\"prompt_tokens\":1,\"new_tokens\":1}", "arrival is 1e300")]
    [InlineData("{\"arrival\":\"x\",\"prompt_tokens\":1,\"new_tokens\":1}", "line 2")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":4,\"new_tokens\":1,\"prefix\":7}", "prefix is 7")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":4,\"new_tokens\":1,\"prefix\":\"a\",\"prefix_tokens\":5}", "from 0 to 4")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":4,\"new_tokens\":1,\"prefix_tokens\":3}", "without the name")]
    [InlineData("{\"arrival\":0,\"prompt_tokens\":4,\"new_tokens\":1,\"priority\":1.5}", "priority is 1.5")]
    [InlineData("[1]", "object")]
    [InlineData("{", "line 2")]
    public void AnUnusableTraceIsRefusedWithFileAndLine(string line, string names)
    {
        using var folder = new TemporaryFolder();
        var path = folder["trace.jsonl"];
        const string Good = "{\"arrival\":2,\"prompt_tokens\":3,\"new_tokens\":4,\"prefix\":\"a\",\"prefix_tokens\":2,\"priority\":-1,\"who\":\"me\"}\n";
        File.WriteAllText(path, Good + line + "\n");
        var error = Assert.Throws<RequestException>(() => SimulatedWorkload.Read(path));
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
        Assert.Contains(path + ", line 2", error.Message, StringComparison.Ordinal);
        File.WriteAllText(path, Good + "\n");
        Assert.Equal([new SimulatedRequest(2, 3, 4, "a", 2, -1)], SimulatedWorkload.Read(path));
    }

    [Fact]
    public void ATraceIsRefusedUnlessTextAndSortedByTime()
    {
        using var folder = new TemporaryFolder();
        var path = folder["trace.jsonl"];
        Assert.Contains(path, Assert.Throws<RequestException>(() => SimulatedWorkload.Read(path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, [0x7b, 0x80, 0x81]);
        Assert.Contains("not UTF-8", Assert.Throws<RequestException>(() => SimulatedWorkload.Read(path)).Message, StringComparison.Ordinal);
        File.WriteAllText(path, "{\"arrival\":2,\"prompt_tokens\":3,\"new_tokens\":4}\n{\"arrival\":1,\"prompt_tokens\":5,\"new_tokens\":6}");
        Assert.Equal([5, 3], SimulatedWorkload.Read(path).Select(request => request.PromptTokens));
    }

    [Fact]
    public void ATracesLineEndsAtALineFeedAlone()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(
            folder["trace.jsonl"],
            "\ufeff{\"arrival\":1,\r\"prompt_tokens\":3,\"new_tokens\":4,"
            + "\"prefix\":\"a\u2028b\",\"prefix_tokens\":1}\r\n\r\n");
        Assert.Equal([3], SimulatedWorkload.Read(folder["trace.jsonl"]).Select(request => request.PromptTokens));
        Assert.Contains(
            "'' is no name of a file", Assert.Throws<RequestException>(() => SimulatedWorkload.Read("")).Message);
    }
}
