using Microsoft.AspNetCore.Routing;
using Scalar.AspNetCore;

namespace TorchKv.Server.OpenApi;

/// <summary>The page that shows <c>/openapi.json</c> to people, for development.</summary>
internal static class InterfacePage
{
    /// <summary>The page's path.</summary>
    public const string Path = "/scalar";

    /// <summary>Maps the page. Its script comes from this server, and it loads nothing from anywhere else.</summary>
    public static void Map(IEndpointRouteBuilder endpoints) => endpoints.MapScalarApiReference(Path, page =>
    {
        page.Title = "TorchKv";
        page.OpenApiRoutePattern = Routes.OpenApi.Path;
        page.DefaultFonts = false;

        // The examples name the address that the page was read from.
        page.DynamicBaseServerUrl = true;
        page.Telemetry = false;
        page.HideClientButton = true;
        page.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        page.Agent = new ScalarAgentOptions { Disabled = true };
        page.Mcp = new ScalarMcpOptions { Disabled = true };
    });
}
