namespace TorchKv.Runtime.Tests.EngineTests;

public class SchedulerSimulationTests
{
    [Fact]
    public void OneRequestTakesTheTimeThatItsStepsCost()
    {
        var options = new SimulationOptions { Cost = new StepCost { PerStep = 1, PerToken = 0.1, PerAttendedToken = 0.01 } };
        var report = Simulation.Run([new SimulatedRequest(5, 10, 3)], options);
        Assert.Equal((1, 3L), (report.Completed, report.Steps));
        Assert.Equal(2, report.TimeToFirstToken.P50, 1e-9);
        Assert.Equal(1.205, report.InterTokenLatency.P50, 0.006);
        Assert.Equal(5 + 2 + 1.2 + 1.21, report.Duration, 1e-9);
    }

    [Fact]
    public void TenThousandRequestsASecondAreSimulatedAndTheSameSeedGivesTheSameReport()
    {
        var workload = SimulatedRequest.Synthetic(10_000, 10_000, seed: 3, output: (8, 40));
        var options = new SimulationOptions { BlockCount = 20_000, Scheduling = new SchedulingOptions { MaxTokensPerStep = 4096, MaxLogitsPerStep = 1024, MaxRunningSequences = 1024, MaxQueuedRequests = 100_000 } };
        var first = Simulation.Run(workload, options);
        var second = Simulation.Run(workload, options);
        Assert.Equal(10_000, first.Completed);
        Assert.Equal((second.Duration, second.Steps, second.TimeToFirstToken), (first.Duration, first.Steps, first.TimeToFirstToken));
        Assert.True(first.PrefixHitShare > 0.2);
        Assert.InRange(first.Moments.Count, 10, 1001);
        Assert.True(first.UnusedShare < first.ContiguousUnusedShare);
    }

    [Fact]
    public void PoliciesDifferAsTheyShould()
    {
        var workload = SimulatedRequest.Synthetic(1_500, 400, seed: 5, prompt: (16, 1500), sharedShare: 0);
        var scheduling = new SchedulingOptions { MaxTokensPerStep = 2048, MaxLogitsPerStep = 256, PrefillTokensBesideDecodes = 128, MaxQueuedRequests = 10_000 };
        var cost = new StepCost { PerStep = 2e-3, PerToken = 2e-5 };
        var chunked = Simulation.Run(workload, new SimulationOptions { Scheduling = scheduling, Cost = cost, BlockCount = 40_000 });
        var whole = Simulation.Run(workload, new SimulationOptions { Scheduling = scheduling with { PrefillTokensBesideDecodes = 2048 }, Cost = cost, BlockCount = 40_000 });
        Assert.True(chunked.InterTokenLatency.P99 * 4 < whole.InterTokenLatency.P99);
        var shortest = Simulation.Run(workload, new SimulationOptions { Scheduling = scheduling with { QueueOrder = QueueOrder.ShortestPromptFirst }, Cost = cost, BlockCount = 40_000 });
        Assert.True(shortest.TimeToFirstToken.P50 < chunked.TimeToFirstToken.P50);
        var small = Simulation.Run(workload, new SimulationOptions { Scheduling = scheduling, Cost = cost, BlockCount = 150 });
        Assert.True(small.Preemptions > 0);
        Assert.Equal(1_500, small.Completed);
    }

    [Fact]
    public void AFullQueueAndAPoolThatIsTooSmallRefuse()
    {
        var report = Simulation.Run(
            [new SimulatedRequest(0, 1000, 1), .. Enumerable.Range(0, 10).Select(_ => new SimulatedRequest(0, 4, 2))],
            new SimulationOptions { BlockCount = 8, Scheduling = new SchedulingOptions { MaxQueuedRequests = 4 } });
        Assert.Equal((4, 7), (report.Completed, report.Refused));
    }

    [Theory]
    [InlineData("{\"prompt_tokens\":1}", "output_tokens")]
    [InlineData("{\"prompt_tokens\":0,\"output_tokens\":1}", "prompt_tokens")]
    [InlineData("{\"prompt_tokens\":1e9,\"output_tokens\":1}", "prompt_tokens")]
    [InlineData("{\"arrival\":-1,\"prompt_tokens\":1,\"output_tokens\":1}", "arrival")]
    [InlineData("{\"arrival\":\"x\",\"prompt_tokens\":1,\"output_tokens\":1}", "line 2")]
    [InlineData("[1]", "object")]
    [InlineData("{", "line 2")]
    public void ATraceThatCannotBeUsedIsRefusedWithFileAndLine(string line, string names)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "{\"arrival\":2,\"prompt_tokens\":3,\"output_tokens\":4,\"prefix_group\":1,\"prefix_tokens\":2}\n" + line + "\n");
            var error = Assert.Throws<RequestException>(() => SimulatedRequest.ReadTrace(path));
            Assert.Contains(names, error.Message, StringComparison.Ordinal);
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
            File.WriteAllText(path, "{\"arrival\":2,\"prompt_tokens\":3,\"output_tokens\":4,\"prefix_group\":1,\"prefix_tokens\":2}\n\n");
            Assert.Equal([new SimulatedRequest(2, 3, 4, 1, 2)], SimulatedRequest.ReadTrace(path));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
