using System.Text.Json.Nodes;
using TorchKv.Router.Tests.Support;

namespace TorchKv.Router.Tests.Resuming;

/// <summary>A stream whose replica fails, in all the ways that one can: the client gets the whole text.</summary>
public class LostReplicaTests
{
    private static readonly int s_tokens = RunningRouter.Tokenizer.Encode(FakeReplica.Says).Count;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(12)]
    [InlineData(30)]
    [InlineData(-2)]
    [InlineData(-1)]
    public async Task AnEventThatComesInPartCountsForNothing(int bytes)
    {
        await AssertSurvivesAsync(3, async answer =>
        {
            await answer.SendAsync(3);
            var next = answer.Events[3];
            await answer.SendAsync(next[..(bytes < 0 ? next.Length + bytes : bytes)]);
            await answer.BreakAsync();
        });
    }

    [Fact]
    public Task ABrokenConnectionIsGoneOnWith() => AssertSurvivesAsync(4, async answer =>
    {
        await answer.SendAsync(4);
        await answer.BreakAsync();
    });

    [Fact]
    public Task AStreamThatEndsWithoutItsMarkIsGoneOnWith() => AssertSurvivesAsync(2, answer => answer.SendAsync(2));

    [Fact]
    public Task AStreamThatEndsTooEarlyIsGoneOnWith() => AssertSurvivesAsync(2, async answer =>
    {
        await answer.SendAsync(2);
        await answer.SendAsync("data: [DONE]\n\n");
    });

    [Fact]
    public Task AReplicaThatSaysNothingIsLeft() => AssertSurvivesAsync(2, async answer =>
    {
        await answer.SendAsync(2);
        await answer.HangAsync();
    });

    [Fact]
    public Task AReplicaThatSaysNothingFromTheStartIsLeft() => AssertSurvivesAsync(0, answer => answer.HangAsync());

    [Theory]
    [InlineData("id: 9 5\ndata: {\"i\":[5],\"t\":\"x\"}\n\n")]
    [InlineData("id: 3 99999\ndata: {\"i\":[99999],\"t\":\"x\"}\n\n")]
    [InlineData("id: 3 -1\ndata: {\"i\":[-1],\"t\":\"x\"}\n\n")]
    [InlineData("data: {\"i\":[5],\"t\":\"x\"}\n\n")]
    [InlineData("id: x\ndata: {\"i\":[5],\"t\":\"x\"}\n\n")]
    [InlineData("id: 3 5\ndata: {\"i\":[5],\"r\":7}\n\n")]
    [InlineData("id: 3 5\ndata: {\"i\":5}\n\n")]
    [InlineData("id: 3 5\ndata: null\n\n")]
    [InlineData("id: 3 5\ndata: {\"unknown\":1}\n\n")]
    [InlineData("HTTP/1.1 200 OK\n\n")]
    public Task AReplicaThatContradictsItselfIsLeft(string lie) => AssertSurvivesAsync(2, async answer =>
    {
        await answer.SendAsync(2);
        await answer.SendAsync(lie);
        await answer.HangAsync();
    });

    [Theory]
    [InlineData(500, "x")]
    [InlineData(502, "x")]
    [InlineData(503, "overloaded")]
    [InlineData(503, "unavailable")]
    [InlineData(403, "internal_only")]
    public Task ARefusalBeforeTheFirstTokenGoesToAnother(int status, string code)
        => AssertSurvivesAsync(0, answer => answer.RefuseAsync(status, code));

    [Fact]
    public Task AnErrorInTheStreamGoesToAnother() => AssertSurvivesAsync(2, async answer =>
    {
        await answer.SendAsync(2);
        await answer.SendAsync("data: {\"error\":{\"status\":503,\"message\":\"m\",\"type\":\"t\",\"code\":\"unavailable\"}}\n\n");
    });

    [Fact]
    public async Task ALiveReplicaWithoutTokensIsNoStall()
    {
        await using var router = await RunningRouter.StartAsync();
        foreach (var replica in router.Replicas)
        {
            replica.Behaviour = async answer =>
            {
                await answer.SendAsync(2);
                for (var i = 0; i < 8; i++)
                {
                    await Task.Delay(100);
                    await answer.SendAsync(": keep-alive\n\n");
                }

                foreach (var e in answer.Events.Skip(2))
                {
                    await answer.SendAsync(e);
                }
            };
        }

        Assert.Equal(FakeReplica.Says, RunningRouter.Text(await router.StreamAsync()));
        Assert.Single(router.Replicas.SelectMany(replica => replica.Requests));
    }

    [Fact]
    public async Task EachRowGoesOnFromItsOwnTokens()
    {
        await using var router = await RunningRouter.StartAsync();
        FailFirst(router, async answer =>
        {
            // Rows 0 and 1 have two tokens, row 2 has one.
            await answer.SendAsync(5);
            await answer.BreakAsync();
        });
        var events = await router.StreamAsync(",\"n\":3,\"seed\":4");
        for (var row = 0; row < 3; row++)
        {
            Assert.Equal(FakeReplica.Says, RunningRouter.Text(events, row));
        }

        var resumed = router.Replicas.SelectMany(replica => replica.Requests)
            .Where(request => request.Options.GeneratedBefore > 0).ToArray();
        Assert.Equal([1, 2, 2], resumed.Select(request => request.Options.GeneratedBefore).Order());
        Assert.Equal(3, resumed.Select(request => request.Options.Seed).Distinct().Count());
        Assert.All(resumed, request => Assert.Equal(1, request.Options.Samples));
    }

    [Fact]
    public async Task AWholeAnswerSurvivesToo()
    {
        await using var router = await RunningRouter.StartAsync();
        FailFirst(router, async answer =>
        {
            await answer.SendAsync(3);
            await answer.BreakAsync();
        });
        using var response = await router.PostAsync();
        var json = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal(FakeReplica.Says, (string)json["choices"]![0]!["text"]!);
        Assert.Equal(s_tokens, (int)json["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task TheRouterChoosesTheSeedOnce()
    {
        await using var router = await RunningRouter.StartAsync();
        FailFirst(router, async answer =>
        {
            await answer.SendAsync(3);
            await answer.BreakAsync();
        });
        await router.StreamAsync(",\"temperature\":1");
        var seeds = router.Replicas.SelectMany(replica => replica.Requests).Select(request => request.Options.Seed).ToArray();
        Assert.Equal(2, seeds.Length);
        Assert.NotNull(seeds[0]);
        Assert.Equal(seeds[0], seeds[1]);
    }

    [Fact]
    public async Task AReplicaOfAnotherIdentityDoesNotGoOn()
    {
        await using var router = await RunningRouter.StartAsync(
            prepare: replica => replica.Identity = replica.Name);
        FailAll(router, async answer =>
        {
            await answer.SendAsync(3);
            await answer.BreakAsync();
        });
        var events = await router.StreamAsync();
        Assert.Equal("stream_lost", (string?)events[^1]["error"]!["code"]);
        Assert.Single(router.Replicas, replica => !replica.Requests.IsEmpty);
    }

    [Fact]
    public async Task BeforeTheFirstTokenAnyIdentityDoes()
    {
        await using var router = await RunningRouter.StartAsync(
            prepare: replica => replica.Identity = replica.Name);
        FailFirst(router, answer => answer.BreakAsync());
        Assert.Equal(FakeReplica.Says, RunningRouter.Text(await router.StreamAsync()));
    }

    [Fact]
    public async Task WhereAllFailTheClientIsToldSo()
    {
        await using var router = await RunningRouter.StartAsync();
        FailAll(router, answer => answer.BreakAsync());
        using var response = await router.PostAsync();
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((503, "no_replica"), ((int)response.StatusCode, (string?)error["code"]));
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Contains("All replicas were tried", (string?)error["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutReplicasTheRouterIsNotReady()
    {
        await using var router = await RunningRouter.StartAsync(count: 0);
        using var ready = await router.Client.GetAsync("/ready");
        Assert.Equal(503, (int)ready.StatusCode);
        using var response = await router.PostAsync();
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((503, "no_replica"), ((int)response.StatusCode, (string?)error["code"]));
    }

    [Fact]
    public async Task AFaultOfTheRequestIsToldAsItIs()
    {
        await using var router = await RunningRouter.StartAsync();
        FailAll(router, answer => answer.RefuseAsync(400, "invalid_schema", "guided_json#/x"));
        using var response = await router.PostAsync();
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal(
            (400, "invalid_schema", "guided_json#/x"),
            ((int)response.StatusCode, (string?)error["code"], (string?)error["param"]));
        Assert.Single(router.Replicas.SelectMany(replica => replica.Requests));
    }

    [Fact]
    public async Task ADrainingReplicaGetsNoRequests()
    {
        await using var router = await RunningRouter.StartAsync(
            prepare: replica => replica.State = replica.Name == "r0" ? "draining" : "ready");
        for (var i = 0; i < 6; i++)
        {
            await router.StreamAsync();
        }

        Assert.Empty(router.Replicas[0].Requests);
    }

    [Fact]
    public async Task AClientThatLeavesEndsTheRequestAtTheReplica()
    {
        await using var router = await RunningRouter.StartAsync(count: 1);
        router.Replicas[0].Behaviour = async answer =>
        {
            await answer.SendAsync(2);
            await answer.HangAsync();
        };
        using (var response = await router.PostAsync(",\"stream\":true"))
        {
            await (await response.Content.ReadAsStreamAsync()).ReadExactlyAsync(new byte[4]);
        }

        await router.Replicas[0].Left.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task TheAnswerNamesItsReplicaAndTheTraceGoesOn()
    {
        await using var router = await RunningRouter.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
        request.Content = new StringContent(
            "{\"model\":\"m\",\"prompt\":\"Hello\"}", System.Text.Encoding.UTF8, "application/json");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.Add("x-request-id", "mine");
        using var response = await router.Client.SendAsync(request);
        var served = router.Replicas.Single(replica => !replica.Requests.IsEmpty);
        Assert.Equal(served.Name, response.Headers.GetValues("x-torchkv-replica").Single());
        Assert.True(served.Headers.TryDequeue(out var headers));
        Assert.StartsWith("00-0af7651916cd43dd8448eb211c80319c-", headers!.TraceParent.ToString());
        Assert.Equal("mine", headers["x-request-id"].ToString());
    }

    [Fact]
    public async Task MetricsCountRequestsAndResumes()
    {
        await using var router = await RunningRouter.StartAsync();
        FailFirst(router, async answer =>
        {
            await answer.SendAsync(3);
            await answer.BreakAsync();
        });
        await router.StreamAsync();
        var metrics = await router.Client.GetStringAsync("/metrics");
        foreach (var line in new[]
        {
            "torchkv_router_requests_total{replica=\"r0\"} 1",
            "torchkv_router_requests_total{replica=\"r1\"} 1",
            "torchkv_router_resumes_total{reason=\"broken\"} 1",
            "torchkv_router_replicas_up 2",
            "torchkv_router_resume_gap_seconds_count 1",
        })
        {
            Assert.Contains(line, metrics, StringComparison.Ordinal);
        }
    }

    /// <summary>The first request fails, wherever it goes; a second one gets the rest.</summary>
    private static async Task AssertSurvivesAsync(int given, Func<FakeAnswer, Task> failure)
    {
        await using var router = await RunningRouter.StartAsync();
        FailFirst(router, failure);
        var events = await router.StreamAsync(",\"stream_options\":{\"include_usage\":true}");
        Assert.Equal(FakeReplica.Says, RunningRouter.Text(events));
        Assert.Equal(s_tokens, (int)events[^1]["usage"]!["completion_tokens"]!);
        var requests = router.Replicas.SelectMany(replica => replica.Requests)
            .OrderBy(request => request.Options.GeneratedBefore).ToArray();
        Assert.Equal([0, given], requests.Select(request => request.Options.GeneratedBefore));
        Assert.Equal(requests[0].PromptTokenIds.Count + given, requests[1].PromptTokenIds.Count);
        Assert.All(router.Replicas, replica => Assert.Single(replica.Requests));
    }

    private static void FailFirst(RunningRouter router, Func<FakeAnswer, Task> failure)
    {
        var failed = 0;
        FailAll(router, answer => Interlocked.Exchange(ref failed, 1) == 0 ? failure(answer) : answer.SendAsync());
    }

    private static void FailAll(RunningRouter router, Func<FakeAnswer, Task> failure)
    {
        foreach (var replica in router.Replicas)
        {
            replica.Behaviour = failure;
        }
    }
}
