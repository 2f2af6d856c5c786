using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.TestSupport;

namespace TorchKv.Server.Tests;

public sealed class MountTests
{
    [Fact]
    public async Task AnExistingApplicationMountsTheEndpoints()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string,
            string?>
            { ["TorchKv:ApiKey"] = "sk-configured", ["TorchKv:ModelAliases:0"] = "gpt-4" });
        builder.Services.AddTorchKv(RepositoryFiles.Weights("storyteller"));
        builder.Services.AddTorchKvServer(options => options.StrictFields = true);
        await using var app = builder.Build();
        app.MapGet("/", () => "mine");
        app.MapGroup("/ai").MapTorchKv();
        await app.StartAsync();
        var models = app.Services.GetRequiredService<ModelHost>();
        await models.Loaded;
        while (models.State == ServerState.Loading)
        {
            await Task.Yield();
        }

        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        using var client = new HttpClient { BaseAddress = new Uri(addresses.Single()) };
        Assert.Equal("mine", await client.GetStringAsync("/"));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/ai/ready")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/ai/v1/models")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new("Bearer", "sk-configured");
        using var answer = await client.PostAsync(
            "/ai/v1/completions",
            new StringContent(
                """{"model":"gpt-4","prompt":"Once","max_tokens":3}""",
                Encoding.UTF8,
                "application/json"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("\"storyteller\"", await answer.Content.ReadAsStringAsync());
        await app.StopAsync();
    }

    [Fact]
    public void OptionsComeFromTheEnvironment()
    {
        // The name is the test's own, so that no other test reads it.
        Environment.SetEnvironmentVariable("TorchKv__MaxStops", "7");
        Assert.Equal(7, TorchKvServer.ReadOptions().MaxStops);
        Environment.SetEnvironmentVariable("TorchKv__MaxStops", null);
    }

    [Fact]
    public void AnOptionOutOfItsLimitsIsNamed() => Assert.Equal(
        "port",
        Assert.Throws<Runtime.Contracts.OptionException>(() => TorchKvServer.Build(
            new TorchKvServerOptions { Port = 70_000 },
            _ => throw new InvalidOperationException())).Option);
}
