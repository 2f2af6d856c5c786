using Microsoft.AspNetCore.Http;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.Page;

namespace TorchKv.Server.Endpoints;

/// <summary>The live page's files.</summary>
internal sealed class PageEndpoints(TorchKvServerOptions options)
{
    public Task IndexAsync(HttpContext context) => WriteAsync(context, PageFiles.Index);

    public Task FileAsync(HttpContext context) =>
        WriteAsync(context, (string?)context.Request.RouteValues["file"] ?? "");

    private Task WriteAsync(HttpContext context, string name)
    {
        if (!options.Page || PageFiles.Read(name) is not { } content)
        {
            throw new ApiException(
                404, ApiException.InvalidRequest, "unknown_url", null, "There is nothing at this URL.");
        }

        var tag = PageFiles.TagOf(content);
        var response = context.Response;
        response.Headers.ContentSecurityPolicy = PageFiles.ContentPolicy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers.CacheControl = "no-cache";
        response.Headers.ETag = tag;
        if (context.Request.Headers.IfNoneMatch == tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = PageFiles.TypeOf(name);
        response.ContentLength = content.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(content, context.RequestAborted).AsTask();
    }
}
