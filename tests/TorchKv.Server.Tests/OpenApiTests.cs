using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TorchKv.Server.OpenApi;
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
    public void EveryReferenceIsThereAndEveryFieldOfARequestIsExplained()
    {
        var document = JsonNode.Parse(OpenApiDocument.Json)!;
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
}
