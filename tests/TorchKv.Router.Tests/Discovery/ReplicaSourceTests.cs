using System.Net;
using System.Net.Sockets;
using k8s;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TorchKv.Router.Discovery;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Router.Tests.Discovery;

public class ReplicaSourceTests
{
    [Theory]
    [InlineData("ftp://a:1")]
    [InlineData("a:1:2")]
    [InlineData("")]
    [InlineData("dns:a")]
    [InlineData("dns:a:0")]
    [InlineData("dns::1")]
    [InlineData("kubernetes:a")]
    [InlineData("kubernetes:a/b:c:d")]
    [InlineData("kubernetes:/b")]
    public void AnAddressOfNoFormIsRefused(string address)
        => Assert.Equal("replicas", Assert.Throws<OptionException>(() => ReplicaSources.Of([address])).Option);

    [Fact]
    public async Task UrlsAreTakenAsTheyAre()
    {
        var found = await ReplicaSources.Of(["http://a:1", "https://b:2"]).FindAsync(default);
        Assert.Equal([new Uri("http://a:1"), new Uri("https://b:2")], found);
    }

    [Fact]
    public async Task ANameHasAReplicaForEachAddress()
    {
        var source = new DnsReplicas(
            "pods", 9, (_, _) => Task.FromResult(new[] { IPAddress.Parse("10.0.0.1"), IPAddress.Parse("::1") }));
        Assert.Equal([new Uri("http://10.0.0.1:9"), new Uri("http://[::1]:9")], await source.FindAsync(default));
    }

    [Fact]
    public async Task ANameWithoutAddressesHasNoReplicas()
    {
        var source = new DnsReplicas(
            "pods", 9, (_, _) => throw new SocketException((int)SocketError.HostNotFound));
        Assert.Empty(await source.FindAsync(default));
    }

    [Fact]
    public async Task AServiceHasItsReadyPods()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var api = builder.Build();
        api.Urls.Add("http://127.0.0.1:0");
        api.MapGet("/apis/discovery.k8s.io/v1/namespaces/space/endpointslices", (HttpContext context) =>
        {
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync($$"""
                {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSliceList","metadata":{},"items":[
                 {"metadata":{"name":"{{context.Request.Query["labelSelector"]}}"},"addressType":"IPv4",
                  "ports":[{"name":"http","port":8000},{"name":"internal","port":9000}],
                  "endpoints":[{"addresses":["10.0.0.1"],"conditions":{"ready":true} },
                               {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":false} },
                               {"addresses":["10.0.0.3"],"conditions":{"ready":false,"serving":true} }] }] }
                """);
        });
        await api.StartAsync();
        using var client = new Kubernetes(new KubernetesClientConfiguration { Host = api.Urls.Single() });
        Assert.Equal(
            [new Uri("http://10.0.0.1:9000"), new Uri("http://10.0.0.3:9000")],
            await new KubernetesReplicas(client, "space", "torchkv", null).FindAsync(default));
        Assert.Equal(
            [new Uri("http://10.0.0.1:8000"), new Uri("http://10.0.0.3:8000")],
            await new KubernetesReplicas(client, "space", "torchkv", "http").FindAsync(default));
    }
}
