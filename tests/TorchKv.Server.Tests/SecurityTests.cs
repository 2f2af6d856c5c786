using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Configuration;
using TorchKv.Server.Security;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class SecurityTests(Storyteller storyteller)
{
    private const string Chat = """{"model":"fake","messages":[{"role":"user","content":"x"}]}""";

    [Fact]
    public async Task EveryEndpointButHealthAndReadyNeedsAKey()
    {
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Storyteller.Tokenizer),
            options => options.ApiKey = "sk-right");
        var source = server.App.Services.GetRequiredService<EndpointDataSource>();
        var endpoints = source.Endpoints.OfType<RouteEndpoint>().ToArray();
        Assert.True(endpoints.Length >= 14);
        var open = new List<string>();
        foreach (var endpoint in endpoints)
        {
            var path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/').Replace(
                "{**id}",
                "fake",
                StringComparison.Ordinal).Replace(
                "{**path}",
                "x/y",
                StringComparison.Ordinal);
            var methods = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST", "PUT"];
            foreach (var method in methods)
            {
                foreach (var key in new string?[] { null, "sk-wrong", "sk-righ", "sk-right2", "" })
                {
                    using var request = new HttpRequestMessage(new HttpMethod(method), path);
                    if (key is not null)
                    {
                        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
                    }

                    using var response = await server.Client.SendAsync(request);
                    if (response.StatusCode != HttpStatusCode.Unauthorized)
                    {
                        open.Add(path);
                        continue;
                    }

                    Assert.Equal("Bearer", response.Headers.WwwAuthenticate.Single().Scheme);
                    if (method != "HEAD")
                    {
                        Assert.Equal(
                            "invalid_api_key",
                            (string?)Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!)["code"]);
                    }
                }
            }
        }

        Assert.Equal(["/health", "/ready"], open.Distinct().Order());
        await server.AskAsync("/v1/chat/completions", Chat, "sk-right");
    }

    [Fact]
    public async Task MetricsCanBeOpened()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer), options =>
        {
            options.ApiKey = "sk-right";
            options.OpenMetrics = true;
        });
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/metrics")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public void AFileHasKeysAndHashes()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], """
            # name, key or hash, limit
            ann sk-ann
            bob sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae requests-per-minute=5
            """);
        var keys = ApiKeys.Of(new TorchKvServerOptions { ApiKeyFile = folder["keys"] });
        Assert.Equal("ann", keys.Find("sk-ann")!.Name);
        Assert.Equal(("bob", 5), (keys.Find("foo")!.Name, keys.Find("foo")!.RequestsPerMinute));
        Assert.Null(keys.Find("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"));
        Assert.Null(keys.Find(""));
    }

    [Theory]
    [InlineData("ann", "line 1")]
    [InlineData("\nann sha256:12", "line 2")]
    [InlineData("ann sk-a limit=5", "limit=5")]
    [InlineData("# nothing", "no key")]
    public void AFileThatIsWrongIsRefusedByLine(string content, string named)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], content);
        var error = Assert.Throws<RequestException>(() => ApiKeys.Of(
            new TorchKvServerOptions { ApiKeyFile = folder["keys"] }));
        Assert.Contains(named, error.Message);
        Assert.DoesNotContain("sk-a", error.Message);
    }

    [Fact]
    public async Task KeysShareNoCachedTokensWhateverSaltTheyName()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], "ann sk-ann\nbob sk-bob\n");
        await using var server = await RunningServer.StartAsync(
            new Models.ServedModel(
                "fake",
                storyteller.Engine,
                Storyteller.Tokenizer,
                Extensions.AI.Templates.ChatTemplates.Plain),
            options => options.ApiKeyFile = folder["keys"]);
        var text = string.Concat(Enumerable.Repeat("A secret that belongs to Ann alone. ", 8));
        string Body(string salt) => $$"""{"model":"fake","prompt":"{{text}}","max_tokens":1{{salt}}}""";
        Assert.Equal(0, await CachedAsync(server, Body(""), "sk-ann"));
        Assert.True(await CachedAsync(server, Body(""), "sk-ann") >= 16);
        Assert.Equal(0, await CachedAsync(server, Body(""), "sk-bob"));
        Assert.Equal(0, await CachedAsync(server, Body(""","cache_salt":"x" """), "sk-ann"));
        Assert.Equal(0, await CachedAsync(server, Body(""","cache_salt":"x" """), "sk-bob"));
        Assert.True(await CachedAsync(server, Body(""","cache_salt":"x" """), "sk-bob") >= 16);
        var effective = new ApiKey(
            "ann",
            System.Security.Cryptography.SHA256.HashData("sk-ann"u8),
            null).CacheSalt(null);
        Assert.Equal(0, await CachedAsync(server, Body($",\"cache_salt\":\"{effective}\""), "sk-bob"));
    }

    [Fact]
    public async Task AKeyFindsOnlyWhatItSentItself()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], "ann sk-ann\nbob sk-bob\n");
        await using var server = await RunningServer.StartAsync(
            new Models.ServedModel(
                "fake",
                storyteller.Engine,
                Storyteller.Tokenizer,
                Extensions.AI.Templates.ChatTemplates.Plain),
            options => options.ApiKeyFile = folder["keys"]);
        var random = new Random(5);
        var sent = new Dictionary<string, List<int[]>> { ["sk-ann"] = [], ["sk-bob"] = [] };
        var hits = 0;
        for (var i = 0; i < 200; i++)
        {
            // Few beginnings and many ends, so that prompts share prefixes of whole blocks between the keys all the
            // time.
            var prompt = Enumerable.Range(
                0,
                16 * random.Next(1, 6)).Select(at => 700 + (at / 16 * random.Next(1, 3))).Append(i).ToArray();
            var key = random.Next(2) == 0 ? "sk-ann" : "sk-bob";
            var body = $$"""{"model":"fake","prompt":[{{string.Join(',', prompt)}}],"max_tokens":1}""";
            var cached = await CachedAsync(server, body, key);
            var own = sent[key].Select(other => CommonPrefix(other, prompt)).DefaultIfEmpty().Max();
            Assert.True(cached <= own, $"{cached} tokens were cached, but the key had sent {own} of them.");
            sent[key].Add(prompt);
            hits += cached > 0 ? 1 : 0;
        }

        Assert.True(hits > 20, $"Only {hits} prompts found something: the others test nothing.");
    }

    [Fact]
    public async Task TooManyRequestsOfAKeyAre429()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer), options =>
        {
            options.ApiKey = "sk-right";
            options.RequestsPerMinute = 2;
        });
        await server.AskAsync("/v1/chat/completions", Chat, "sk-right");
        await server.AskAsync("/v1/chat/completions", Chat, "sk-right");
        using var response = await server.PostAsync("/v1/chat/completions", Chat, "sk-right");
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal(
            "rate_limit_exceeded",
            (string?)Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!)["code"]);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
    }

    [Theory]
    [InlineData("evil.example", 403)]
    [InlineData("localhost:1234", 200)]
    [InlineData("127.0.0.1", 200)]
    public async Task OnALoopbackAddressOnlyLoopbackNamesAreAnswered(string host, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Host = host;
        using var response = await storyteller.Server.Client.SendAsync(request);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task AllowedHostsCanBeNamed()
    {
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Storyteller.Tokenizer),
            options => options.AllowedHosts = ["api.example"]);
        using var named = new HttpRequestMessage(HttpMethod.Get, "/version");
        named.Headers.Host = "api.example";
        Assert.Equal(HttpStatusCode.OK, (await server.Client.SendAsync(named)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.GetAsync("/version")).StatusCode);
    }

    [Fact]
    public async Task OriginsAreNotAllowedUnlessNamed()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer), options =>
        {
            options.AllowedOrigins = ["https://app.example"];
            options.ApiKey = "sk-right";
        });
        Assert.Equal("https://app.example", await PreflightAsync(server, "https://app.example"));
        Assert.Null(await PreflightAsync(server, "https://evil.example"));
        Assert.Null(await PreflightAsync(storyteller.Server, "https://app.example"));
    }

    private static async Task<string?> PreflightAsync(RunningServer server, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/chat/completions");
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        using var response = await server.Client.SendAsync(request);
        return response.Headers.TryGetValues("Access-Control-Allow-Origin", out var allowed) ? allowed.Single() : null;
    }

    private static int CommonPrefix(int[] a, int[] b) => a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count();

    private static async Task<int> CachedAsync(RunningServer server, string body, string key)
        => (int)(await server.AskAsync(
            "/v1/completions",
            body,
            key))["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
}
