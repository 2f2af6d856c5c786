using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using TorchKv.Server.Configuration;
using TorchKv.Server.Page;

namespace TorchKv.Server;

/// <summary>Serves the live page with a recording. There is no model and no interface.</summary>
public static class ReplayServer
{
    /// <summary>Serves until the process is told to stop.</summary>
    /// <param name="folder">The page and the recording.</param>
    /// <param name="address">Where to listen: host and port.</param>
    /// <param name="configure">Adds to the application before it is built; null: nothing.</param>
    /// <param name="onReady">Called once with the addresses that are listened on.</param>
    /// <param name="cancellationToken">Stops the server.</param>
    public static async Task RunAsync(
        ReplayFolder folder,
        TorchKvServerOptions address,
        Action<WebApplicationBuilder>? configure = null,
        Action<IReadOnlyList<string>>? onReady = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(address);
        address.Validate();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(address.Address);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        configure?.Invoke(builder);
        await using var app = builder.Build();
        app.Run(context => WriteAsync(folder, context));
        if (onReady is not null)
        {
            app.Lifetime.ApplicationStarted.Register(() => onReady([.. app.Urls]));
        }

        await ((IHost)app).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private static Task WriteAsync(ReplayFolder folder, HttpContext context)
    {
        var name = context.Request.Path.Value is "/" or "" or null ? "index.html" : context.Request.Path.Value[1..];
        var response = context.Response;
        response.Headers.ContentSecurityPolicy = PageFiles.ContentPolicy;
        response.Headers.XContentTypeOptions = "nosniff";
        if (!folder.Files.TryGetValue(name, out var content))
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        response.ContentType = PageFiles.TypeOf(name);
        response.ContentLength = content.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(content, context.RequestAborted).AsTask();
    }
}
