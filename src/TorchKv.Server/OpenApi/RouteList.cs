namespace TorchKv.Server.OpenApi;

/// <summary>All endpoints of a server: its own, and those that another assembly adds as services.</summary>
internal sealed class RouteList
{
    private readonly Lazy<byte[]> _document;

    public RouteList(IEnumerable<ServedRoute> more)
    {
        All = [.. Routes.All, .. more];
        _document = new Lazy<byte[]>(() => OpenApiDocument.Of(All));
    }

    public IReadOnlyList<ServedRoute> All { get; }

    /// <summary>The OpenAPI document, as UTF-8.</summary>
    public byte[] Document => _document.Value;
}
