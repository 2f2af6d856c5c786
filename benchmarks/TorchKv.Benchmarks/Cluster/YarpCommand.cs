using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Benchmarks.Measuring;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.LoadBalancing;

namespace TorchKv.Benchmarks.Cluster;

/// <summary><c>cluster-yarp</c>: YARP before replicas, as somebody would set it up who has no router.</summary>
internal sealed class YarpCommand : Command
{
    public const string CommandName = "cluster-yarp";
    private const string RouteName = "servers";

    private readonly Option<int> _port = BenchOption.Number("--port", 1, 65535, 8080, "the port for clients");
    private readonly Option<int[]?> _servers = BenchOption.Numbers("--servers", 65535, "the replicas' ports");

    public YarpCommand()
        : base(CommandName, "A reverse proxy to compare with.")
    {
        Hidden = true;
        Options.Add(_port);
        Options.Add(_servers);
        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task RunAsync(ParseResult parsed)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{parsed.GetValue(_port)}");
        builder.Services.AddSingleton<ILoadBalancingPolicy, ConversationPolicy>();
        builder.Services.AddReverseProxy().LoadFromMemory(
            [
                new RouteConfig
                {
                    RouteId = RouteName,
                    ClusterId = RouteName,
                    Match = new RouteMatch { Path = "/{**path}" },
                },
            ],
            [
                new ClusterConfig
                {
                    ClusterId = RouteName,
                    LoadBalancingPolicy = ConversationPolicy.PolicyName,
                    HealthCheck = new HealthCheckConfig
                    {
                        Passive = new PassiveHealthCheckConfig
                        {
                            Enabled = true,
                            ReactivationPeriod = TimeSpan.FromSeconds(1),
                        },
                    },
                    Destinations = parsed.GetValue(_servers)!.ToDictionary(
                        port => $"{port}", port => new DestinationConfig { Address = $"http://127.0.0.1:{port}" }),
                },
            ]);
        await using var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
    }
}
