using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TorchKv.Server.Configuration;
using TorchKv.Server.OpenApi;
using TorchKv.TestSupport;

namespace TorchKv.Server.Tests;

/// <summary>docs/server.md says what there is.</summary>
public sealed class DocumentTests
{
    private static readonly string Text = File.ReadAllText(RepositoryFiles.At("docs", "server.md"));

    [Theory]
    [InlineData("CompletionRequest")]
    [InlineData("ChatCompletionRequest")]
    public void EveryFieldIsThere(string request)
    {
        var schema = JsonNode.Parse(OpenApiDocument.Of(Routes.All))!["components"]!["schemas"]![request]!;
        Assert.All(schema["properties"]!.AsObject(), field => Assert.True(
            Text.Contains($"`{field.Key}", StringComparison.Ordinal)
                || field.Key.StartsWith("guided_", StringComparison.Ordinal),
            field.Key));
    }

    [Fact]
    public void EveryOptionIsThere()
        => Assert.All(
            typeof(TorchKvServerOptions).GetProperties(),
            option => Assert.Contains($"`{option.Name}`", Text));

    [Fact]
    public void EveryEndpointIsThere()
        => Assert.All(Routes.All, route => Assert.Contains($"`{route.Method} {route.Path}`", Text));

    [Fact]
    public void EveryFamilyIsThere()
    {
        var golden = File.ReadAllText(RepositoryFiles.At("tests", "TorchKv.Server.Tests", "metrics.golden.txt"));
        var families = Regex.Matches(golden, "(?m)^# TYPE (\\S+) ").Select(match => match.Groups[1].Value).ToArray();
        Assert.True(families.Length > 40);
        var written = families.Where(family => family != "vllm:num_requests_waiting_by_reason");
        Assert.All(written, family => Assert.Contains($"`{family}", Text));
    }

    [Fact]
    public void TheBoardAsksForMetricsThatThereAre()
    {
        var golden = File.ReadAllText(RepositoryFiles.At("tests", "TorchKv.Server.Tests", "metrics.golden.txt"));
        var board = JsonNode.Parse(File.ReadAllText(RepositoryFiles.At("docs", "grafana.json")))!;
        var expressions = board["panels"]!.AsArray()
            .SelectMany(panel => panel!["targets"]!.AsArray())
            .Select(target => (string)target!["expr"]!)
            .ToArray();
        Assert.True(expressions.Length > 10);
        Assert.All(expressions, expression =>
        {
            var names = Regex.Matches(expression, "(?:vllm:|torchkv_)[a-z0-9_]+").Select(match => match.Value);
            Assert.All(names, name => Assert.Contains($"\n{name}{{", golden));
        });
    }

    [Fact]
    public void EveryErrorCodeThatCodeNamesIsThere()
    {
        const string Code = "ApiException\\.(?:InvalidRequest|ServerError|RateLimit),\\s*\"([a-z_]+)\"";
        var folder = RepositoryFiles.At("src", "TorchKv.Server");
        var sources = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal));
        var codes = sources
            .SelectMany(file => Regex.Matches(File.ReadAllText(file), Code))
            .Select(match => match.Groups[1].Value)
            .Distinct()
            .ToArray();
        Assert.True(codes.Length > 10);
        Assert.All(codes, code => Assert.Contains($"`{code}`", Text));
    }
}
