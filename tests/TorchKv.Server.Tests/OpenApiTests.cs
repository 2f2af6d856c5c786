using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class OpenApiTests(Storyteller storyteller)
{
    [Fact]
    public async Task EveryMappedEndpointIsDescribed()
    {
        var document = JsonNode.Parse(await storyteller.Server.Client.GetStringAsync("/openapi.json"))!;
        var described = document["paths"]!.AsObject().Select(path => path.Key).Order();
        var mapped = storyteller.Server.App.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .OfType<RouteEndpoint>()
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/').Replace(
                "{**id}",
                "{id}",
                StringComparison.Ordinal))
            .Where(path => path != "/{**path}")
            .Order();
        Assert.Equal(mapped, described);
    }

    [Fact]
    public void ReferencesResolveAndEveryRequestFieldIsExplained()
    {
        var document = JsonNode.Parse(OpenApiDocument.Of(Routes.All))!;
        var schemas = document["components"]!["schemas"]!.AsObject();
        foreach (var path in document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()))
        {
            Assert.NotNull((string?)path.Value!["summary"]);
            foreach (var reference in References(path.Value))
            {
                Assert.True(schemas.ContainsKey(reference["#/components/schemas/".Length..]), reference);
            }
        }

        var requests = schemas.Select(schema => schema.Key).Where(name => name.EndsWith(
            "Request",
            StringComparison.Ordinal)).ToArray();
        Assert.Equal(5, requests.Length);
        foreach (var request in requests)
        {
            var fields = schemas[request]!["properties"]!.AsObject();
            Assert.NotEmpty(fields);
            Assert.All(
                fields,
                field => Assert.False(
                    string.IsNullOrEmpty((string?)field.Value!["description"]),
                    $"{request}.{field.Key}"));
        }

        Assert.True(schemas["ChatCompletionRequest"]!["properties"]!.AsObject().ContainsKey("max_completion_tokens"));
        Assert.NotNull(schemas["ChatChunk"]!["properties"]!["usage"]!["properties"]!["prompt_tokens"]);
    }

    private static IEnumerable<string> References(JsonNode node) => node switch
    {
        JsonObject o => o.SelectMany(field => field.Key == "$ref" ? [(string)field.Value!] : References(field.Value!)),
        JsonArray a => a.SelectMany(item => References(item!)),
        _ => [],
    };

    [Theory]
    [InlineData("Development", false, HttpStatusCode.OK)]
    [InlineData("Development", true, HttpStatusCode.NotFound)]
    [InlineData("Production", false, HttpStatusCode.NotFound)]
    public async Task APageShowsTheDocumentInDevelopmentOnly(string environment, bool hasKey, HttpStatusCode expected)
    {
        await using var server = await RunningServer.StartLoadingAsync(
            _ => new TaskCompletionSource<ServedModel>().Task,
            options => options.ApiKey = hasKey ? "sk-1" : null,
            arguments: ["--environment", environment]);
        if (hasKey)
        {
            server.Client.DefaultRequestHeaders.Authorization = new("Bearer", "sk-1");
        }

        using var response = await server.Client.GetAsync("/scalar");
        Assert.Equal(expected, response.StatusCode);
        if (expected != HttpStatusCode.OK)
        {
            return;
        }

        var page = await response.Content.ReadAsStringAsync();
        Assert.Contains("openapi.json", page, StringComparison.Ordinal);
        var sources = Regex.Matches(page, "(?:src|href)=\"([^\"]+)\"|from ['\"]([^'\"]+)['\"]")
            .Select(match => match.Groups[1].Value + match.Groups[2].Value)
            .ToArray();
        Assert.NotEmpty(sources);
        Assert.DoesNotContain("//", string.Concat(sources), StringComparison.Ordinal);
        foreach (var source in sources.Where(source => source.Contains(".js", StringComparison.Ordinal)))
        {
            var script = new Uri(response.RequestMessage!.RequestUri!, source);
            Assert.NotEmpty(await server.Client.GetByteArrayAsync(script));
        }
    }
}
