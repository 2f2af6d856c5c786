using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using TorchKv.Server.Configuration;
using TorchKv.Server.Security;

namespace TorchKv.Server.Running;

/// <summary>Lets the server listen at a second port, and marks what comes there.</summary>
internal static class InternalPort
{
    /// <summary>Adds the port to the server's addresses, where the options have one.</summary>
    public static void Add(WebApplicationBuilder builder, TorchKvServerOptions options)
    {
        if (options.InternalAddress is not { } address)
        {
            return;
        }

        // Addresses are listened on in their order, so the internal port is the last one.
        var urls = (builder.WebHost.GetSetting(WebHostDefaults.ServerUrlsKey) ?? options.Address)
            .Split(';', StringSplitOptions.RemoveEmptyEntries);
        builder.WebHost.UseUrls([.. urls, address]);
        var begun = 0;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(listen =>
        {
            if (Interlocked.Increment(ref begun) == urls.Length + 1)
            {
                listen.Use(next => connection =>
                {
                    InternalAccess.MarkConnection(connection.Items);
                    return next(connection);
                });
            }
        }));
    }
}
