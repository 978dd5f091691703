using DotNetty.Buffers;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>Cuts input at the ends of TLS records: whole ones can be read, the start of one is kept in an array of its own size.</summary>
/// <remarks>
/// <code>
/// +------+-------+-------+----------------+-----------
/// | type | major | minor | length, uint16 | fragment       big-endian; 20 to 23, 3, any, 1 to 2^14 + 2048
/// +------+-------+-------+----------------+-----------
/// </code>
/// <para><see cref="Take"/> a read, <see cref="Read"/> its whole records, <see cref="Finish"/>. Nothing of a read's buffer is kept. The
/// first byte that cannot belong to a record is reported immediately; SslStream would wait for five. Threads: its event loop.</para>
/// </remarks>
internal sealed class TlsRecords
{
    private const int HeaderBytes = 5;
    private const int LengthOffset = 3;

    /// <summary>The largest fragment: RFC 5246 section 6.2.3; less with TLS 1.3.</summary>
    private const int MaxFragmentBytes = (16 * 1024) + 2048;

    /// <summary>Memory for a record up to this size is allocated at its first bytes.</summary>
    private const int WholeAtOnceBytes = 1024;

    /// <summary>The start of an unfinished record; its end is in <see cref="_input"/> when <see cref="_unfinishedIsWhole"/>.</summary>
    private byte[] _unfinished = [];
    private int _unfinishedCount;
    private int _unfinishedRead;
    private bool _unfinishedIsWhole;

    private IByteBuffer? _input;
    private int _wholeEnd;
    private bool _ownsInput;

    /// <summary>The end of the record that is being read, in <see cref="_input"/>.</summary>
    private int _recordEnd;

    /// <summary>The bytes of the current record's header so far: 0 = between records, 5 = in the fragment.</summary>
    private int _header;

    /// <summary>The size of the current record's fragment, and the bytes of it that are missing.</summary>
    private int _fragment;
    private int _missing;

    /// <summary>All bytes taken.</summary>
    public long BytesTaken { get; private set; }

    /// <summary>Whole records taken.</summary>
    public long WholeRecords { get; private set; }

    /// <summary>Whether a byte came that is part of no TLS record. Whole records before it can still be read.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>The bytes of whole records that have not been read.</summary>
    public int ReadableBytes =>
        (_unfinishedIsWhole ? _unfinishedCount - _unfinishedRead : 0) + (_input is null ? 0 : _wholeEnd - _input.ReaderIndex);

    /// <summary>Memory held for an unfinished record, and for a copy of the input.</summary>
    public int HeldBytes => _unfinished.Length + (_ownsInput ? _input!.Capacity : 0);

    /// <summary>The offset of the unfinished record in the stream; −1 for none.</summary>
    public long UnfinishedAt => _unfinishedCount > 0 ? BytesTaken - _unfinishedCount : -1;

    /// <summary>Takes a read, with its reference, until <see cref="Finish"/>.</summary>
    public void Take(IByteBuffer input)
    {
        BytesTaken += input.ReadableBytes;
        _input = input;
        _wholeEnd = _recordEnd = input.ReaderIndex;
        for (int at = input.ReaderIndex; at < input.WriterIndex;)
        {
            if (!TryAdvance(input, at, out at))
            {
                IsBroken = true;
                break;
            }

            if (_header == 0)
            {
                WholeRecords++;
                if (_unfinishedCount > 0 && !_unfinishedIsWhole)
                {
                    _unfinishedIsWhole = true;
                    _recordEnd = at;
                }

                _wholeEnd = at;
            }
        }
    }

    /// <summary>Replaces the input by a copy, so that the read's buffer is free while another thread reads this.</summary>
    public void OwnInput()
    {
        IByteBuffer input = _input!;
        _input = Unpooled.CopiedBuffer(input);
        _wholeEnd -= input.ReaderIndex;
        _recordEnd -= input.ReaderIndex;
        _ownsInput = true;
        input.Release();
    }

    /// <summary>Reads the rest of a whole record, as far as it fits; never past the record's end.</summary>
    /// <remarks>SslStream gets one record at a time: of two, it would throw away the first one's data if the second is bad.</remarks>
    public int Read(Span<byte> destination)
    {
        int count = 0;
        if (_unfinishedIsWhole)
        {
            count = Math.Min(_unfinishedCount - _unfinishedRead, destination.Length);
            _unfinished.AsSpan(_unfinishedRead, count).CopyTo(destination);
            _unfinishedRead += count;
        }

        if (_input is not { } input)
        {
            return count;
        }

        if (count == 0 && input.ReaderIndex == _recordEnd && _recordEnd < _wholeEnd)
        {
            _recordEnd += HeaderBytes + input.GetUnsignedShort(_recordEnd + LengthOffset);
        }

        if (Math.Min(_recordEnd - input.ReaderIndex, destination.Length - count) is > 0 and int more)
        {
            input.GetIoBuffer(input.ReaderIndex, more).AsSpan().CopyTo(destination[count..]);
            input.SkipBytes(more);
            count += more;
        }

        return count;
    }

    /// <summary>Keeps the start of an unfinished record and releases the input, unread whole records included.</summary>
    public void Finish()
    {
        if (_unfinishedIsWhole)
        {
            Release();
        }

        IByteBuffer input = _input!;
        _input = null;
        _ownsInput = false;
        try
        {
            if (!IsBroken && input.WriterIndex > _wholeEnd)
            {
                Keep(input, input.WriterIndex - _wholeEnd);
            }
        }
        finally
        {
            input.Release();
        }
    }

    /// <summary>Releases what is held.</summary>
    public void Release()
    {
        _unfinished = [];
        _unfinishedCount = _unfinishedRead = 0;
        _unfinishedIsWhole = false;
    }

    /// <summary>Advances to the end of the record, or of the input.</summary>
    /// <returns>False for a byte that is part of no TLS record.</returns>
    private bool TryAdvance(IByteBuffer input, int at, out int end)
    {
        for (end = at; _header < HeaderBytes; _header++)
        {
            if (end == input.WriterIndex)
            {
                return true;
            }

            if (!IsHeaderByte(input.GetByte(end++)))
            {
                return false;
            }
        }

        int step = Math.Min(_missing, input.WriterIndex - end);
        end += step;
        _missing -= step;
        if (_missing == 0)
        {
            _header = 0;
        }

        return true;
    }

    private bool IsHeaderByte(byte value)
    {
        switch (_header)
        {
            case 0:
                return value is >= 20 and <= 23;
            case 1:
                return value == 3;
            case 2:
                return true;
            case 3:
                _fragment = value << 8;
                return _fragment <= MaxFragmentBytes;
            default:
                _missing = _fragment |= value;
                return _fragment is > 0 and <= MaxFragmentBytes;
        }
    }

    /// <summary>Keeps the first piece in its own size, and grows by an eighth, so that a trickle is not copied at each byte.</summary>
    private void Keep(IByteBuffer input, int count)
    {
        int needed = _unfinishedCount + count;
        if (_unfinished.Length < needed)
        {
            Array.Resize(ref _unfinished, Capacity(needed));
        }

        input.GetBytes(_wholeEnd, _unfinished, _unfinishedCount, count);
        _unfinishedCount = needed;
    }

    private int Capacity(int needed)
    {
        if (_header < HeaderBytes)
        {
            return HeaderBytes;
        }

        int record = HeaderBytes + _fragment;
        return record <= WholeAtOnceBytes ? record : Math.Min(record, Math.Max(needed, _unfinished.Length + (_unfinished.Length / 8)));
    }
}
